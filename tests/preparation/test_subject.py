from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from phantom import (
    BRAIN_MM,
    failure_of,
    orientations,
    phantom,
    pixels_of,
    stripped,
)

from brainzoo.data.subjects import Subject
from brainzoo.data.volumes import Volume, write_nifti
from brainzoo.preparation.prepare import PrepareConfig
from brainzoo.preparation.subject import prepare_subject

SMALL = PrepareConfig(size=32, slices=3)


def test_intensities_do_not_depend_on_the_scanners_scale() -> None:
    volume = phantom(4.0, noise=10)
    expected, _ = pixels_of(volume)
    scaled = Volume((volume.data * 7.5 - 300).astype(np.float32), volume.affine)
    np.testing.assert_allclose(pixels_of(scaled)[0], expected, atol=1e-3)
    assert expected.min() == 0
    assert expected.max() == 1


def test_a_few_hot_voxels_do_not_darken_the_rest() -> None:
    volume = phantom(4.0)
    hot = volume.data.copy()
    hot[20:23, 30, 40] = 30000
    assert np.abs(pixels_of(volume)[0] - pixels_of(Volume(hot, volume.affine))[0]).mean() < 0.01


def test_masks_black_out_everything_else(tmp_path: Path) -> None:
    volume = phantom(4.0)
    brain = stripped(volume).data > 0
    write_nifti(tmp_path / "scan.nii.gz", volume)
    write_nifti(tmp_path / "mask.nii.gz", Volume(brain.astype(np.uint8), volume.affine))
    turned = volume.affine @ np.diag([-1.0, 1, 1, 1])
    turned[:3, 3] += volume.affine[:3, 0] * (brain.shape[0] - 1)
    write_nifti(tmp_path / "turned.nii.gz", Volume(brain[::-1].astype(np.uint8), turned))
    away = volume.affine.copy()
    away[:3, 3] += 1000
    write_nifti(tmp_path / "away.nii.gz", Volume(brain.astype(np.uint8), away))
    subject = Subject("s", {"T1w": tmp_path / "scan.nii.gz"}, mask=tmp_path / "mask.nii.gz")
    config = PrepareConfig(size=64, slices=1, slices_fraction=(0.5, 0.5), mask="yes")
    masked = np.asarray(prepare_subject(subject, config).pixels, dtype=float)
    area_mm2 = (masked > 0.1 * masked.max()).sum() * config.pixel_mm**2
    assert area_mm2 == pytest.approx(np.pi * BRAIN_MM[0] * BRAIN_MM[1], rel=0.05)
    turned_mask = dataclasses.replace(subject, mask=tmp_path / "turned.nii.gz")
    assert np.array_equal(prepare_subject(turned_mask, config).pixels, masked)
    elsewhere = dataclasses.replace(subject, mask=tmp_path / "away.nii.gz")
    assert "overlap" in prepare_subject(elsewhere, config).failure
    none = dataclasses.replace(subject, mask=None)
    assert "no brain mask" in prepare_subject(none, config).failure


def test_what_is_no_head_is_a_failure_not_a_crash(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    small = Volume(random.integers(0, 99, (5, 5, 5), dtype=np.int16), np.eye(4))
    assert "as large as a head" in failure_of(small)
    flat = Volume(random.integers(0, 99, (90, 90, 1), dtype=np.int16), np.eye(4))
    assert "90 × 90 × 1; expected a whole head" in failure_of(flat)
    assert "absent.nii.gz cannot be read" in failure_of(tmp_path / "absent.nii.gz")

    def broken() -> Volume:
        raise RuntimeError("no more simulated people")

    made = prepare_subject(Subject("s", {"T1w": broken}), SMALL)
    assert made.failure == "it could not be made: RuntimeError: no more simulated people."


def test_nearly_empty_scans_are_failures() -> None:
    """A volume whose coarse view holds a single value: only voxels between its steps differ."""
    data = np.zeros((60, 60, 60), np.int16)
    data[1, 1, 1] = 7
    assert failure_of(Volume(data, np.eye(4))) == "it has no contrast: nearly all of it is 0."


def test_an_unexpected_error_is_that_scans_failure_and_names_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.nii.gz"
    write_nifti(path, phantom(6.0))

    def odd(*_: object) -> None:
        raise IndexError(f"nobody thought of {path}")

    monkeypatch.setattr("brainzoo.preparation.subject.find_head", odd)
    made = prepare_subject(Subject("s", {"T1w": path}), SMALL)
    assert made.failure == "s.nii.gz cannot be prepared: IndexError: nobody thought of s.nii.gz."


def test_a_mask_of_the_same_world_in_another_voxel_order(tmp_path: Path) -> None:
    volume = phantom(6.0)
    brain = stripped(volume)
    write_nifti(tmp_path / "scan.nii.gz", volume)
    config = dataclasses.replace(SMALL, mask="yes")
    made = []
    for name, mask in zip("ab", (brain, list(orientations(brain))[29]), strict=True):
        path = tmp_path / f"{name}.nii.gz"
        write_nifti(path, Volume((mask.data > 0).astype("u1"), mask.affine))
        subject = Subject("s", {"T1w": tmp_path / "scan.nii.gz"}, mask=path)
        made.append(prepare_subject(subject, config))
        assert made[-1].failure == ""
    np.testing.assert_array_equal(made[0].pixels, made[1].pixels)
