"""Masks, bias fields and alignment, on simulated heads whose truth is known."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainzoo.common.errors import DataError, NotFoundError, UnknownPluginError
from brainzoo.data.subjects import Subject
from brainzoo.data.volumes import Volume
from brainzoo.datasets.config import IxiConfig
from brainzoo.datasets.ixi import Ixi
from brainzoo.plugin.interfaces import Dataset
from brainzoo.plugin.manager import Plugins, plugins
from brainzoo.preparation.prepare import PrepareConfig, prepare
from brainzoo_atlas.config import AtlasConfig
from brainzoo_atlas.dataset import Atlas
from brainzoo_prepare import masks
from brainzoo_prepare.align import Rigid
from brainzoo_prepare.bias import evened
from brainzoo_prepare.masks import brain_mask
from brainzoo_prepare.scans import Ready, ras, read
from brainzoo_prepare.template import extent_mm, template

STEPS = ("deepbet", "n4", "channels", "rigid", "affine")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def own_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINZOO_HOME", str(home))


@pytest.fixture(scope="module")
def heads(home: Path) -> list[Subject]:
    """Two simulated people, T1 and T2 and tissues, 3 mm."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINZOO_HOME", str(home))
        config = AtlasConfig(subjects=2, voxel_mm=3.0, channels=("T1w", "T2w"), tissues=True)
        made = []
        for subject in Atlas(config).subjects():
            images = {name: Ready(read(source)) for name, source in subject.images.items()}
            assert subject.labels is not None
            made.append(
                dataclasses.replace(subject, images=images, labels=Ready(read(subject.labels)))
            )
        return made


def turned(degrees: float, shift_mm: tuple[float, float, float]) -> np.ndarray:
    """Return a turn about the vertical axis and a shift."""
    angle = np.radians(degrees)
    move = np.eye(4)
    move[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    move[:3, 3] = shift_mm
    return move


def moved(volume: Volume, move: np.ndarray) -> Volume:
    return dataclasses.replace(volume, affine=move @ volume.affine)


def step(name: str) -> Any:
    spec = plugins().get("step", name)
    return plugins().load("step", name)(spec.config())


class OneHead(Dataset):
    """A person, given in full."""

    license = "CC0"

    def subjects(self) -> Any:
        yield from self.config


def prepared(subjects: list[Subject], out: Path, **options: Any) -> Any:
    config = PrepareConfig(size=48, dims=3, split_fractions=(1.0, 0.0, 0.0), **options)
    dataset = OneHead([dataclasses.replace(s, key=s.key or "x") for s in subjects])
    return prepare(dataset, config, name="heads", out=out, workers=1, quiet=True)


def middle_mm(volume: Volume, inside: np.ndarray) -> np.ndarray:
    return (volume.affine @ np.append(np.argwhere(inside).mean(axis=0), 1))[:3]


@pytest.mark.parametrize("name", STEPS)
def test_every_step_is_offered_and_says_what_decides_its_result(name: str) -> None:
    assert plugins().of("step", name).distribution == "brainzoo-prepare"
    record = step(name).record
    assert record
    assert all(isinstance(value, str | int | float | list) for value in record.values())


def test_without_the_plugin_one_line_says_what_to_install() -> None:
    bare = Plugins([])
    for name in STEPS:
        with pytest.raises(UnknownPluginError, match="pip install brainzoo-prepare"):
            bare.get("step", name)


def test_a_mask_covers_the_brain_and_is_computed_once(
    heads: list[Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    head, tissues = read(heads[0].images["T1w"]), read(heads[0].labels).data  # type: ignore[arg-type]
    mask = brain_mask(head)
    brain = tissues > 0
    dice = 2 * (mask.data[brain] > 0).sum() / (brain.sum() + (mask.data > 0).sum())
    assert dice > 0.93

    def refuse(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(masks, "_computed", refuse)
    np.testing.assert_array_equal(brain_mask(head).data, mask.data)
    flipped = Volume(np.flip(head.data, 0), head.affine @ np.diag([-1.0, 1, 1, 1]) + _shift(head))
    again = brain_mask(flipped)  # the same scan, stored the other way round
    np.testing.assert_array_equal(again.data, mask.data)


def _shift(volume: Volume) -> np.ndarray:
    """Return what keeps a volume in its place when its first axis is turned round."""
    move = np.zeros((4, 4))
    move[:3, 3] = volume.affine[:3, 0] * (volume.data.shape[0] - 1)
    return move


def test_what_is_no_brain_is_refused() -> None:
    noise = np.random.default_rng(0).normal(100, 20, (40, 40, 40)).astype(np.float32)
    with pytest.raises(DataError, match="brain to deepbet"):
        brain_mask(Volume(noise, np.diag([1.0, 1, 1, 1])))


def test_a_bias_field_is_evened_out(heads: list[Subject]) -> None:
    head, tissues = read(heads[0].images["T1w"]), read(heads[0].labels).data  # type: ignore[arg-type]
    slope = np.linspace(0.6, 1.4, head.data.shape[1])[None, :, None]
    found = evened(Volume((head.data * slope).astype(np.float32), head.affine))
    white = ras(Volume(tissues, head.affine)).data == 3

    def spread(data: np.ndarray) -> float:
        return float(data[white].std() / data[white].mean())

    assert spread(found.data) < 0.5 * spread(head.data * slope)
    np.testing.assert_allclose(found.affine, ras(head).affine)


def test_heads_that_were_turned_and_shifted_come_to_the_same_place(heads: list[Subject]) -> None:
    places, tissues = [], []
    for move in (np.eye(4), turned(20, (15, -25, 40))):
        images = {"T1w": Ready(moved(read(heads[0].images["T1w"]), move))}
        labels = Ready(moved(read(heads[0].labels), move))  # type: ignore[arg-type]
        mask = Ready(Volume((labels.volume.data > 0).astype(np.uint8), labels.volume.affine))
        subject = dataclasses.replace(heads[0], images=images, labels=labels, mask=mask)
        found = step("rigid")(subject)
        after = read(found.labels)
        tissues.append(after)
        places.append([middle_mm(after, after.data == value) for value in (2, 3)])
        assert found.extent_mm == extent_mm()
    assert np.abs(np.subtract(*places)).max() < 1.0, "millimetres"
    inside = middle_mm(template(), template().data > 0)
    assert np.linalg.norm(places[0][1] - inside) < 10
    # A rigid move keeps sizes.
    np.testing.assert_allclose(np.linalg.norm(tissues[1].affine[:3, :3], axis=0), 3, atol=1e-6)


def test_channels_of_a_person_come_onto_each_other_and_labels_with_theirs(
    heads: list[Subject],
) -> None:
    t1, t2 = (read(heads[0].images[name]) for name in ("T1w", "T2w"))
    off = turned(4, (5, -3, 2))
    apart = Volume(t2.data[1:], off @ t2.affine @ _from_first(1))  # another grid, and misplaced
    tissues = Ready(Volume(read(heads[0].labels).data[1:], apart.affine))  # type: ignore[arg-type]
    subject = dataclasses.replace(
        heads[0], images={"T2w": Ready(apart), "T1w": Ready(t1)}, labels=tissues
    )
    found = step("channels")(subject)
    np.testing.assert_allclose(read(found.images["T1w"]).affine, t1.affine)
    back = read(found.images["T2w"]).affine
    true = t2.affine @ _from_first(1)
    corners = np.array([[0, 0, 0, 1], [60, 70, 60, 1], [60, 0, 60, 1]]).T
    assert np.linalg.norm((back - true) @ corners, axis=0).max() < 1.5, "half of a voxel"
    np.testing.assert_allclose(read(found.labels).affine, back)
    np.testing.assert_array_equal(read(found.labels).data, tissues.volume.data)
    assert found.extent_mm is None


def _from_first(index: int) -> np.ndarray:
    first = np.eye(4)
    first[0, 3] = index
    return first


def test_an_alignment_that_went_wrong_is_refused(
    heads: list[Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainzoo_prepare.align.registered", lambda *_: turned(120, (0, 0, 0)))
    far = dataclasses.replace(
        heads[1], images={"T1w": Ready(moved(read(heads[1].images["T1w"]), turned(1, (1, 2, 3))))}
    )
    with pytest.raises(DataError, match="turned by 120°"):
        Rigid(None)(far)


def test_prepared_images_are_alike_name_their_steps_and_have_whole_labels(
    heads: list[Subject], tmp_path: Path
) -> None:
    away = []
    for i, head in enumerate(heads):
        move = turned(12 * i, (30 * i, -20 * i, 10 * i))
        images = {n: Ready(moved(read(s), move)) for n, s in head.images.items()}
        labels = Ready(moved(read(head.labels), move))  # type: ignore[arg-type]
        away.append(dataclasses.replace(head, images=images, labels=labels, key=f"away {i}"))
    images = prepared(away, tmp_path / "aligned", mask="deepbet", align="affine")
    assert [record["name"] for record in images.info["steps"]] == ["deepbet", "affine"]
    assert images.info["steps"][0]["deepbet"]
    assert images.channel_names == ["T1w", "T2w"]
    labels = images.labels()
    assert labels is not None
    assert set(np.unique(labels)) == {0, 1, 2, 3}
    pixels = images.floats()
    assert (pixels[:, :, 0] == 0).all(), "black outside of the brain"
    whites = [np.argwhere(of == 3).mean(axis=0) for of in labels]
    assert np.abs(np.subtract(*whites)).max() * images.info["spacing_mm"][0] < 5
    again = prepared(away, tmp_path / "plain")
    assert "steps" not in again.info
    assert again.info["preparation"]["mask"] is False
    assert again.fingerprint != images.fingerprint
    assert again.info["request"] != images.info["request"]


def test_several_processes_make_the_same_images(heads: list[Subject], tmp_path: Path) -> None:
    atlas = Atlas(AtlasConfig(subjects=2, voxel_mm=4.0))
    found = []
    for workers in (1, 2):
        config = PrepareConfig(size=32, slices=2, align="rigid", split_fractions=(1.0, 0.0, 0.0))
        out = tmp_path / str(workers)
        images = prepare(atlas, config, name="atlas", out=out, workers=workers, quiet=True)
        found.append(images.fingerprint)
    assert found[0] == found[1]


def test_without_the_template_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    template.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(NotFoundError, match="pip install --upgrade nilearn"):
        template()


def test_masks_of_real_heads_agree_with_those_of_dlmuse() -> None:
    ixi = Path(__file__).parents[4] / "shared" / "data" / "ixi-t1-2mm"
    if not ixi.is_dir():
        pytest.skip("the IXI scans are not on this machine")
    subject = next(Ixi(IxiConfig(root=ixi)).subjects())
    found = brain_mask(read(subject.source)).data > 0
    drawn = ras(Volume.read(subject.mask)).data > 0  # type: ignore[arg-type]
    assert 2 * (found & drawn).sum() / (found.sum() + drawn.sum()) > 0.97
