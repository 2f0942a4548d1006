"""The evaluator: what every one must do, and what a reader of its values relies on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from brainzoo.common.errors import BrainzooError, DataError
from brainzoo.data.images import Images
from brainzoo.plugin.findings import Evaluation, EvaluationSets
from brainzoo.testing import EvaluatorContract, make_images
from brainzoo_anatomy import weights as reading
from brainzoo_anatomy.config import AnatomyConfig
from brainzoo_anatomy.evaluator import Anatomy, few
from brainzoo_anatomy.meshnet import MeshNet

SIDE = 24


class TestContract(EvaluatorContract):
    name = "anatomy"
    shape = (16, 16, 16)
    subjects = 60
    options: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _made_up_weights(cls, weights: Path) -> None:
        cls.options = {"weights": weights, "most": 12}


@pytest.fixture
def folder_of(
    tmp_path: Path, made_up: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Images]:
    """Write heads with regions of known size; ventricles and hippocampus by the arguments."""
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))

    def write(
        name: str,
        count: int = 16,
        *,
        hippocampus: int = 8,
        growth: float = 0.06,
        channels: tuple[str, ...] = ("T1w",),
        spacing: list[float] | None = None,
    ) -> Images:
        rng = np.random.default_rng(len(name))
        info = {
            "dims": 3, "plane": None, "channels": list(channels), "classes": [],
            "spacing_mm": [8.0] * 3 if spacing is None else spacing, "affine": np.eye(4).tolist(),
            "value_range": [0, 1], "orientation": "RAS", "synthetic": name == "synthetic",
            "source": {"name": "boxes", "license": "CC0-1.0", "simulated": True},
        }  # fmt: skip
        with Images.write(tmp_path / name, (SIDE,) * 3, info, len(channels), "float32") as writer:
            for i in range(count):
                age = 20.0 + 60 * i / (count - 1)
                image = np.zeros((SIDE,) * 3, np.float32)
                image[3:21, 2:22, 4:22] = made_up.brightness("Cerebral-Cortex")
                image[5:19, 4:20, 6:20] = made_up.brightness("Cerebral-White-Matter")
                wide = 2 + round(growth * (age - 20)) + int(rng.integers(2))
                image[9:15, 9 : 9 + wide, 14:18] = made_up.brightness("Lateral-Ventricle")
                for column, region in enumerate(
                    ("Thalamus", "Caudate", "Putamen", "Pallidum", "Amygdala", "Brain-Stem")
                ):
                    part = image[
                        6 + 2 * column : 8 + 2 * column, 5:8, 8 : 16 + int(rng.integers(2))
                    ]
                    part[:] = made_up.brightness(region)
                long = hippocampus + int(rng.integers(2))
                image[6:8, 10 : 10 + long, 8:10] = made_up.brightness("Hippocampus")
                image[16:18, 10 : 10 + long, 8:10] = made_up.brightness("Hippocampus")
                image[8:16, 14:18, 7:9] = made_up.brightness("Cerebellum-Cortex")
                image[11, 11, 21] = 1  # white, so that brightness stays as it is
                row = {"image_id": f"{name}-{i}", "age": age, "sex": "F"}
                row |= {} if name == "synthetic" else {"subject": f"{name}-person-{i}"}
                writer.append(np.stack([image] * len(channels))[None], [row])
        return Images.open(tmp_path / name)

    return write


def evaluate(weights: Path, *, most: int = 16, **images: Images) -> Evaluation:
    evaluator = Anatomy(AnatomyConfig(weights=weights, most=most))
    return evaluator.evaluate(EvaluationSets(**images))


def values(found: Evaluation) -> dict[str, Any]:
    return {value.name: value for value in found.metrics}


def test_a_small_hippocampus_is_seen(folder_of: Callable[..., Images], weights: Path) -> None:
    real = {"train": folder_of("train"), "test": folder_of("test")}
    found = values(evaluate(weights, **real, synthetic=folder_of("synthetic", hippocampus=3)))
    assert found["hippocampus |g|"].value > 3
    assert not found["hippocampus |g|"].at_floor
    assert "(g = -" in found["hippocampus |g|"].detail
    assert found["caudate |g|"].value < 1
    assert found["WASABI"].low > found["WASABI"].floor
    assert found["plausible heads"].value < 0.5
    assert found["plausible heads"].floor == 1


def test_like_heads_are_at_their_floors(folder_of: Callable[..., Images], weights: Path) -> None:
    real = {"train": folder_of("train"), "test": folder_of("test")}
    found = values(evaluate(weights, **real, synthetic=folder_of("synthetic")))
    assert found["hippocampus |g|"].value < 1
    assert found["plausible heads"].value == 1
    assert found["change with age"].low <= found["change with age"].floor


def test_ageing_is_compared_and_drawn(folder_of: Callable[..., Images], weights: Path) -> None:
    sets = {"train": folder_of("train"), "test": folder_of("test")}
    found = evaluate(weights, **sets, synthetic=folder_of("synthetic", growth=0))
    rows = {str(row["region"]): row for row in found.tables["change with age"]}
    assert rows["ventricles"]["test, % a decade"] > 10
    assert abs(float(rows["ventricles"]["synthetic, % a decade"])) < 8
    assert b"synthetic" in found.pictures["ventricles-by-age"]
    assert found.pictures["ventricles-by-age"].startswith(b"<svg")
    assert values(found)["change with age"].value > values(found)["change with age"].floor


def test_heads_are_segmented_once(
    folder_of: Callable[..., Images], weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = {name: folder_of(name) for name in ("train", "test", "synthetic")}
    first = evaluate(weights, most=10, **sets)
    seen = []
    network = MeshNet.__call__
    monkeypatch.setattr(MeshNet, "__call__", lambda self, x: seen.append(1) or network(self, x))
    assert values(evaluate(weights, most=10, **sets)) == values(first)
    assert not seen
    evaluate(weights, most=12, **sets)
    assert len(seen) == 6, "two more of each set, and none again"


def test_what_was_segmented_is_kept_when_it_stops(
    folder_of: Callable[..., Images], weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = {name: folder_of(name) for name in ("train", "test", "synthetic")}
    network, seen = MeshNet.__call__, []

    def stopped(self: MeshNet, head: np.ndarray) -> np.ndarray:
        seen.append(1)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return network(self, head)

    monkeypatch.setattr(MeshNet, "__call__", stopped)
    with pytest.raises(KeyboardInterrupt):
        evaluate(weights, most=8, **sets)
    evaluate(weights, most=8, **sets)
    assert len(seen) == 4 + 24 - 3


def test_slices_are_sent_elsewhere(tmp_path: Path, weights: Path) -> None:
    real = make_images(tmp_path / "real", subjects=40)
    synthetic = make_images(tmp_path / "synthetic", seed=1, synthetic=True)
    sets = {"train": real.where(split="train"), "test": real.where(split="test")}
    found = evaluate(weights, **sets, synthetic=synthetic)
    assert not found.metrics
    assert "whole heads only" in found.notes[0]
    assert "metrics" in found.notes[0]


def test_other_contrasts_are_not_segmented(folder_of: Callable[..., Images], weights: Path) -> None:
    names = ("train", "test", "synthetic")
    found = evaluate(weights, **{name: folder_of(name, channels=("T2w",)) for name in names})
    assert not found.metrics
    assert "these are T2w" in found.notes[0]


def test_the_t1w_channel_is_looked_at(folder_of: Callable[..., Images], weights: Path) -> None:
    names = ("train", "test", "synthetic")
    sets = {name: folder_of(name, channels=("FLAIR", "T1w")) for name in names}
    assert evaluate(weights, **sets).metrics


def test_voxels_of_unknown_size_are_refused(
    folder_of: Callable[..., Images], weights: Path
) -> None:
    names = ("train", "test", "synthetic")
    with pytest.raises(DataError, match="how large a voxel is"):
        evaluate(weights, **{name: folder_of(name, spacing=[]) for name in names})


def test_different_people_come_first(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", spatial=(8, 8), subjects=10, per_subject=3)
    for count in (4, 10):
        assert len(few(images, count, 0).subjects()) == count
    assert len(few(images, 14, 0)) == 14
    assert set(few(images, 4, 0).positions) <= set(few(images, 9, 0).positions)


def test_wrong_weights_are_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(BrainzooError, match=r"model\.bin"):
        Anatomy(AnatomyConfig(weights=tmp_path)).check()


def test_no_connection_is_a_warning_before_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Slices need no weights, and before data are prepared nobody knows what they will be."""
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path))
    monkeypatch.setattr(reading, "ADDRESS", "http://127.0.0.1:9/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    hasty = reading.download.Patience(timeout_s=5, attempts=1, wait_s=0.01)
    monkeypatch.setattr(reading, "PATIENCE", hasty)
    Anatomy(AnatomyConfig()).check()
    assert "warning: there are no weights of MeshNet" in capsys.readouterr().err


def test_options_cost_no_imports() -> None:
    import subprocess

    code = "import sys, brainzoo_anatomy.config; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
