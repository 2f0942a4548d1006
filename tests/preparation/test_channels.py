"""Channels and label maps of a scan come onto one grid, by their affines."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from phantom import phantom, stripped

from brainzoo.common.errors import OptionError
from brainzoo.data.images import Images
from brainzoo.data.packing import packed, seen_by, unpacked
from brainzoo.data.subjects import Subject
from brainzoo.data.volumes import Volume, write_nifti
from brainzoo.plugin.interfaces import Dataset
from brainzoo.preparation.config import PrepareConfig
from brainzoo.preparation.prepare import prepare

CONFIG = PrepareConfig(size=32, slices=3, slices_fraction=(0.4, 0.6), split_seed=2)


def turned(volume: Volume) -> Volume:
    """Return the same head with its voxels in another order."""
    old = np.array(
        [[0, 0, -1.0, volume.data.shape[0] - 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    )
    affine = volume.affine @ old
    return Volume(np.ascontiguousarray(volume.data[::-1].transpose(1, 2, 0)), affine)


def labels_of(volume: Volume, coarse: int = 1) -> Volume:
    """Return 7 in the brain and 300 in its front half, on a grid of its own."""
    brain = (stripped(volume).data > 0).astype(np.uint16) * 7
    brain[:, brain.shape[1] // 2 :] = np.where(brain[:, brain.shape[1] // 2 :] > 0, 300, 0)
    affine = volume.affine @ np.diag([coarse, coarse, coarse, 1.0])
    return Volume(brain[::coarse, ::coarse, ::coarse], affine)


class Two(Dataset):
    """People with two contrasts on different grids, and label maps."""

    label_names = {7: "back", 300: "front"}  # noqa: RUF012

    def subjects(self):
        folder: Path = self.config
        for i in range(9):
            head = phantom(4.0)
            write_nifti(folder / f"{i}a.nii.gz", head)
            other = Volume(head.data.max() - head.data, head.affine)
            write_nifti(folder / f"{i}b.nii.gz", turned(other))
            write_nifti(folder / f"{i}l.nii.gz", turned(labels_of(head)))
            images = {"T1w": folder / f"{i}a.nii.gz", "T2w": folder / f"{i}b.nii.gz"}
            if i == 5:
                del images["T2w"]
            yield Subject(f"P{i}", images, labels=folder / f"{i}l.nii.gz")


def test_other_voxel_orders_give_the_same_place(tmp_path: Path) -> None:
    images = prepare(Two(tmp_path), CONFIG, name="two", out=tmp_path / "images", workers=1)
    assert images.channel_names == ["T1w", "T2w"]
    assert images.label_names == {7: "back", 300: "front"}
    assert len(images.subjects()) == 8, "one person lacks T2w"
    first, second = images.floats()[:, 0], images.floats()[:, 1]
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < -0.5
    labels = images.labels()
    assert labels is not None
    assert set(np.unique(labels)) == {0, 7, 300}
    # Row 0 is anterior; the labels lie where the brain does.
    assert labels[:, :10].max() == 300
    assert not (labels[:, 22:] == 300).any()
    assert first[labels > 0].mean() > 3 * first[:, 0, 0].mean()


def test_a_scan_that_lacks_a_channel_is_kept_black_when_asked_for(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, missing="keep")
    images = prepare(Two(tmp_path), config, name="two", out=tmp_path / "images", workers=1)
    lacking = images.where(subject="P5")
    assert len(images.subjects()) == 9
    assert lacking.column("missing") == ["T2w"] * 3
    assert not lacking.floats()[:, 1].any()
    assert lacking.floats()[:, 0].any()


def test_channels_come_in_the_order_asked_for_and_unknown_ones_are_refused(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, labels=False)
    dataset = Two(tmp_path)
    dataset.channels = ("T2w", "T1w")
    images = prepare(dataset, config, name="two", out=tmp_path / "images", workers=1)
    assert images.channel_names == ["T2w", "T1w"]
    assert images.labels() is None
    dataset.channels = ("FLAIR",)
    with pytest.raises(OptionError, match="T1w"):
        prepare(dataset, CONFIG, name="two")


@pytest.mark.parametrize("away", ["T2w", "labels"])
def test_maps_that_lie_elsewhere_are_one_line(tmp_path: Path, away: str, capsys) -> None:
    class Away(Two):
        def subjects(self):
            for subject in super().subjects():
                if subject.id == "P0":
                    path = subject.labels if away == "labels" else subject.images["T2w"]
                    head = phantom(4.0)
                    affine = head.affine.copy()
                    affine[:3, 3] += 5000
                    write_nifti(path, Volume(head.data.astype(np.uint16), affine))
                yield subject

    images = prepare(Away(tmp_path), CONFIG, name="two", out=tmp_path / "images", workers=1)
    assert len(images.subjects()) == 7
    assert "do not overlap" in capsys.readouterr().err


def test_a_generator_sees_labels_as_channels_and_they_come_back(tmp_path: Path) -> None:
    images = prepare(Two(tmp_path), CONFIG, name="two", out=tmp_path / "images", workers=1)
    seen = packed(images)
    assert (seen.channels, seen.label_channels) == (5, 3)
    assert len(seen[2:5]) == 3
    assert seen[2:5].floats().shape == (3, 5, 32, 32)
    pixels, labels = unpacked(seen.floats(), images.info)
    assert np.array_equal(pixels, images.floats())
    assert np.array_equal(labels, images.labels())


def test_a_generator_of_some_labels_sees_the_others_as_background(tmp_path: Path) -> None:
    images = prepare(Two(tmp_path), CONFIG, name="two", out=tmp_path / "images", workers=1)
    seen = seen_by(SimpleNamespace(label_values=[300]), images)
    assert seen.channels == seen[1:3].channels == 2 + 2
    _, labels = unpacked(seen.floats(), {"labels": {"300": "front"}})
    assert np.array_equal(labels, np.where(images.labels() == 300, 300, 0))
    assert seen_by(SimpleNamespace(label_values=[]), images) is images


def test_some_label_values_only(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, label_values=(300,))
    images = prepare(Two(tmp_path), config, name="two", out=tmp_path / "images", workers=1)
    assert images.label_names == {300: "front"}
    assert set(np.unique(images.labels())) == {0, 300}


def test_label_maps_survive_saving_and_are_part_of_the_fingerprint(tmp_path: Path) -> None:
    images = prepare(Two(tmp_path), CONFIG, name="two", out=tmp_path / "images", workers=1)
    saved = images[3:9].save(tmp_path / "some")
    assert np.array_equal(saved.labels(), images.labels(np.arange(3, 9)))
    Images.open(tmp_path / "some", verify=True)
    labels = np.load(tmp_path / "some" / "labels.npy", mmap_mode="r+")
    labels[0, 0, 0] ^= 1
    labels.flush()
    with pytest.raises(Exception, match="fingerprint"):
        Images.open(tmp_path / "some", verify=True)


def test_parcellations_are_too_much_for_a_generator_and_are_said(tmp_path: Path, capsys) -> None:
    labels = np.arange(64, dtype=np.uint16).reshape(1, 8, 8)
    info = {"channels": ["T1w"], "labels": {str(i): f"region {i}" for i in range(1, 64)}}
    images = Images(np.zeros((1, 1, 8, 8), np.float32), [{}], info, labels=labels)
    seen = packed(images)
    assert (seen.channels, seen.label_channels, seen.label_names) == (1, 0, None)
    assert "63 labels" in capsys.readouterr().err
