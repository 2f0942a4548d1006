"""The made-up heads that contracts and tests work on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brainzoo.data.volumes import read_volume, write_nifti
from brainzoo.testing import heads, make_head, make_images, make_volume


@pytest.mark.parametrize("spatial", [(32, 32), (24, 16), (16, 16, 16)])
def test_made_up_images_have_splits_by_subject_and_classes(
    spatial: tuple[int, ...], tmp_path: Path
) -> None:
    images = make_images(tmp_path / "images", spatial=spatial, subjects=20)
    assert images.spatial == spatial
    assert images.classes == ["young", "old"]
    people = [set(images.where(split=s).subjects()) for s in ("train", "validation", "test")]
    assert [len(group) for group in people] == [12, 4, 4]
    assert len(set.union(*people)) == 20
    for split in ("train", "validation", "test"):
        assert set(images.where(split=split).column("class")) == {"young", "old"}


def test_made_up_images_are_the_same_for_a_seed(tmp_path: Path) -> None:
    first, again = make_images(tmp_path / "1"), make_images(tmp_path / "2")
    assert first.fingerprint == again.fingerprint
    assert make_images(tmp_path / "3", seed=1).fingerprint != first.fingerprint


def test_synthetic_images_have_no_subjects(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", synthetic=True)
    assert images.synthetic
    assert not images.subjects()
    assert heads.SUBJECT not in str(images.table)


def test_ventricles_grow_with_age() -> None:
    dark = [(make_head((64, 64), age=age, seed=3)[20:44, 20:44] < 0.4).sum() for age in (25, 75)]
    assert dark[1] > 1.5 * dark[0]


def test_a_made_up_volume_survives_a_file(tmp_path: Path) -> None:
    volume = make_volume(seed=2)
    write_nifti(tmp_path / "head.nii.gz", volume)
    read = read_volume(tmp_path / "head.nii.gz")
    assert np.allclose(read.data, volume.data, atol=1)
    assert np.allclose(read.affine, volume.affine)
