"""Hostile bundles are refused in one line, and nothing of them runs."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from brainzoo.api import BrainzooError, IntegrityError, NotFoundError
from brainzoo_monai.definitions import TARGETS
from brainzoo_monai.generator import MonaiModel
from brainzoo_monai.networks import CLASSES

from .bundles import edited, nvidia_bundle, zoo_bundle

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:monai")

ENVIRONMENT = "environment_maisi_diff_model_rflow-mr-brain.json"


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.folder),))


def refused(source: Path, target: Path) -> str:
    """Return the one line that refuses a bundle."""
    with pytest.raises(BrainzooError) as error:
        MonaiModel.convert(source, target, {})
    assert isinstance(error.value, IntegrityError | NotFoundError)
    assert "\n" not in str(error.value)
    assert not target.exists()
    return str(error.value)


def changed(name: str, key: str, **values: Any) -> Callable[[Path], None]:
    return lambda root: edited(root, name, lambda content: content[key].update(values))


def weights(name: str, content: Any) -> Callable[[Path], None]:
    return lambda root: torch.save(content, root / "models" / name)


def tensor(name: str, key: str, value: torch.Tensor | None) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        path = root / "models" / name
        content = torch.load(path, weights_only=True)
        content.pop(key, None)
        torch.save(content | ({} if value is None else {key: value}), path)

    return edit


KEY = "conv_in.conv.weight"
ZOO = {
    "an expression for a value": (
        changed("inference.json", "autoencoder_def", channels="$__import__('os').mkdir('ran')"),
        "is the expression .* brainzoo evaluates none",
    ),
    "an import": (
        changed("inference.json", "diffusion_def", in_channels="$import os"),
        "is the expression '.import os'",
    ),
    "an expression behind a reference": (
        lambda root: edited(
            root,
            "inference.json",
            lambda c: c.update(
                much="$2 ** 40", autoencoder_def=c["autoencoder_def"] | {"in_channels": "@much"}
            ),
        ),
        "is the expression",
    ),
    "a reference to itself": (
        lambda root: edited(
            root,
            "inference.json",
            lambda c: c.update(
                a="@a", autoencoder_def=c["autoencoder_def"] | {"in_channels": "@a"}
            ),
        ),
        "refers to '@a'",
    ),
    "another target": (
        changed("inference.json", "autoencoder_def", _target_="os.system"),
        "is of 'os.system', which is not allowed",
    ),
    "another parameter": (
        changed("inference.json", "diffusion_def", hook="x"),
        "hook: extra inputs",
    ),
    "a layer without end": (
        changed("inference.json", "diffusion_def", channels=[2048, 2**40, 16]),
        "less than or equal to 2048",
    ),
    "blocks without end": (
        changed("inference.json", "diffusion_def", num_res_blocks=10**9),
        "num_res_blocks",
    ),
    "8 GB by its configuration": (
        changed("inference.json", "diffusion_def", channels=[2048, 2048, 2048]),
        r"asks for a network of [\d,.]+ MB at least; model.pt has",
    ),
    "a pickle with code": (
        lambda root: torch.save({KEY: Bomb(root / "ran")}, root / "models" / "model.pt"),
        "holds more than tensors|asks for a network",
    ),
    "8 GB by a stride": (
        tensor("model.pt", KEY, torch.zeros(1).expand(2_000_000_000)),
        r"expected torch.float32 \(8, 7, 3, 3, 3\)",
    ),
    "a shape": (
        tensor("model.pt", KEY, torch.zeros(8, 7, 3, 3, 4)),
        r"is torch.float32 \(8, 7, 3, 3, 4\)",
    ),
    "a type": (
        tensor("model.pt", KEY, torch.zeros(8, 7, 3, 3, 3, dtype=torch.int64)),
        "is torch.int64",
    ),
    "numbers that are none": (
        tensor("model.pt", KEY, torch.full((8, 7, 3, 3, 3), float("nan"))),
        "NaN or infinite",
    ),
    "a missing weight": (tensor("model.pt", KEY, None), "weights are missing"),
    "a weight too many": (tensor("model.pt", "more", torch.zeros(1)), "'more' is unknown"),
    "something between": (weights("autoencoder.pt", {"a": [1] * 100_000}), "expected a tensor"),
    "no names": (weights("autoencoder.pt", torch.zeros(100_000)), "expected named tensors"),
    "a web page": (
        lambda root: (root / "models" / "model.pt").write_bytes(b"<html>" * 100_000),
        "not a file as torch.save writes it",
    ),
    "a half": (
        lambda root: (root / "models" / "model.pt").write_bytes(
            (root / "models" / "model.pt").read_bytes()[:-300]
        ),
        "not a file as torch.save writes it",
    ),
    "no JSON": (
        lambda root: (root / "configs" / "inference.json").write_text("{" * 5000),
        "is not JSON",
    ),
    "no weights": (lambda root: (root / "models" / "model.pt").unlink(), "lacks models/model.pt"),
}


@pytest.mark.parametrize("name", ZOO)
def test_hostile_bundles_of_the_zoo(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import re

    root = zoo_bundle(tmp_path / "bundle", size=(32, 32, 32))
    monkeypatch.chdir(tmp_path / "bundle")
    damage, said = ZOO[name]
    damage(root)
    assert re.search(said, refused(root, tmp_path / "checkpoint"))
    assert not (root / "ran").exists()


def test_a_pickle_that_is_large_enough_does_not_run_either(tmp_path: Path) -> None:
    root = zoo_bundle(tmp_path / "bundle", size=(32, 32, 32))
    path = root / "models" / "model.pt"
    content = torch.load(path, weights_only=True)
    torch.save({**content, "more": Bomb(tmp_path / "ran")}, path)
    assert "holds more than tensors" in refused(root, tmp_path / "checkpoint")
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "ran")) + bytes(1_000_000))
    assert "not a file as torch.save writes it" in refused(root, tmp_path / "checkpoint")
    assert not (tmp_path / "ran").exists()


def test_a_zip_that_would_swell_is_refused(tmp_path: Path) -> None:
    root = zoo_bundle(tmp_path / "bundle", size=(32, 32, 32))
    path = root / "models" / "model.pt"
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/999", bytes(50_000_000))
    assert "claims to hold 0.1 GB" in refused(root, tmp_path / "checkpoint")


@pytest.mark.parametrize("path", ["../secret.pt", "/etc/passwd", "models/../../secret.pt"])
def test_a_path_outside_is_refused(path: str, tmp_path: Path) -> None:
    root = nvidia_bundle(tmp_path / "bundle")
    (tmp_path / "secret.pt").write_bytes(b"secret")
    edited(root, ENVIRONMENT, lambda content: content.update(trained_autoencoder_path=path))
    assert "leads outside of the bundle's folder" in refused(root, tmp_path / "checkpoint")


def test_a_link_that_leads_outside_is_refused(tmp_path: Path) -> None:
    root = zoo_bundle(tmp_path / "bundle", size=(32, 32, 32))
    outside = tmp_path / "outside.pt"
    (root / "models" / "model.pt").rename(outside)
    (root / "models" / "model.pt").symlink_to(outside)
    assert "leads outside" in refused(root, tmp_path / "checkpoint")


def test_nvidia_checkpoints_need_their_scale(tmp_path: Path) -> None:
    root = nvidia_bundle(tmp_path / "bundle")
    path = root / "models" / "diff_unet_3d_rflow-mr-brain_v1.pt"
    content = torch.load(path, weights_only=True)
    for scale in (None, float("nan"), torch.zeros(3), -1.0):
        torch.save({**content, "scale_factor": scale}, path)
        assert "no scale_factor that is a positive number" in refused(root, tmp_path / "checkpoint")


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    assert "is not a bundle" in refused(tmp_path, tmp_path / "checkpoint")


def test_what_is_allowed_are_monais_own_classes_and_parameters() -> None:
    """And with MONAI's own defaults, so that a bundle that leaves one out means the same."""
    import inspect

    for target, kind in TARGETS.items():
        name = target.rpartition(".")[2]
        assert kind.model_fields["target"].default == name
        theirs = inspect.signature(CLASSES[name].__init__).parameters
        for field, info in kind.model_fields.items():
            if (
                field == "target"
                or info.is_required()
                or field.startswith(("beta_", "clip_sample_"))
            ):
                continue
            default = theirs[field].default
            assert info.default == (list(default) if isinstance(default, tuple) else default)
