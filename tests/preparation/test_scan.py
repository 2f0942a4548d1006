from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from phantom import (
    BRAIN_MM,
    CENTRE_MM,
    MARK_MM,
    Heads,
    orientations,
    phantom,
    pixels_of,
    stripped,
)

from brainzoo.data.subjects import Subject
from brainzoo.data.volumes import read_volume, write_nifti
from brainzoo.preparation.grid import rotation
from brainzoo.preparation.head import find_head
from brainzoo.preparation.prepare import PrepareConfig, prepare
from brainzoo.preparation.scan import Scan, area_weights


def brightest(image: np.ndarray) -> tuple[int, int]:
    row, column = np.unravel_index(image.argmax(), image.shape)
    return int(row), int(column)


def test_all_48_orientations_give_the_same_slices() -> None:
    volume = phantom(6.0, noise=20)
    expected = {plane: pixels_of(volume, plane=plane)[0] for plane in ("axial", "sagittal")}
    whole = pixels_of(volume, dims=3, size=16)[0]
    turned = pixels_of(volume, rotations=1, slices=2)[0]
    for other in orientations(volume):
        for plane, slices in expected.items():
            np.testing.assert_allclose(pixels_of(other, plane=plane)[0], slices, atol=1e-4)
        np.testing.assert_allclose(pixels_of(other, dims=3, size=16)[0], whole, atol=1e-4)
        np.testing.assert_allclose(pixels_of(other, rotations=1, slices=2)[0], turned, atol=1e-4)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_slices_are_the_right_way_round(plane: str) -> None:
    # The mark is right, anterior and superior of the centre: in the upper left in every plane.
    axis = {"sagittal": 0, "coronal": 1, "axial": 2}[plane]
    at = float(MARK_MM[axis] - CENTRE_MM[axis])
    images, rows = pixels_of(
        phantom(2.0), plane=plane, slices=1, slices_mm=(at, at), percentiles=(1, 100)
    )
    found = brightest(images[0, 0])
    assert found[0] < 31
    assert found[1] < 31
    assert rows[0]["plane"] == plane
    assert rows[0]["position_mm"] == pytest.approx(at, abs=0.01)


def test_the_affine_says_where_pixels_lie(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii.gz", phantom(2.0))
    write_nifti(tmp_path / "b.nii.gz", phantom(2.0))
    centre = find_head(Scan.of(phantom(2.0)), (1, 100)).centre_mm
    mark = MARK_MM - (phantom(2.0).affine[:3, 3] + centre)  # from the head's centre, as found
    for plane, normal in (("axial", 2), ("coronal", 1), ("sagittal", 0)):
        at = float(mark[normal])
        options = {"plane": plane, "slices": 1, "slices_mm": (at, at), "percentiles": (1, 100)}
        config = PrepareConfig(size=96, split_fractions=(1, 0, 0), **options)
        heads = Heads(tmp_path, 0)
        heads.listed = [Subject(name, {"T1w": tmp_path / f"{name}.nii.gz"}) for name in "ab"]
        images = prepare(heads, config, name=plane, quiet=True)
        values = images.floats()[0, 0]
        place = np.argwhere(values > 0.97).mean(axis=0)
        where = np.array(images.info["affine"]) @ [*place, 0, 1]
        where[normal] += images.table[0]["position_mm"]
        np.testing.assert_allclose(where[:3], mark, atol=1.5)


def test_the_brain_is_found_with_skull_and_without() -> None:
    for volume in (phantom(4.0, noise=10), stripped(phantom(4.0))):
        head = find_head(Scan.of(volume), (1, 99.5))
        low = head.low_mm + volume.affine[:3, 3]
        high = head.high_mm + volume.affine[:3, 3]
        np.testing.assert_allclose(low, CENTRE_MM - BRAIN_MM, atol=6)
        np.testing.assert_allclose(high, CENTRE_MM + BRAIN_MM, atol=6)


def test_the_brain_is_found_in_real_scans(ixi: Path) -> None:
    errors = []
    for path in sorted((ixi / "t1").glob("*.nii.gz"))[::4]:
        label = ixi / "seg" / path.name.replace("-T1.", "-DLMUSE.")
        scan, brain = Scan.of(read_volume(path)), Scan.of(read_volume(label)).view > 0
        head = find_head(scan, (1, 99.5))
        levels = np.flatnonzero(brain.sum(axis=(0, 1)) > 25) * 2.0
        errors.append((head.low_mm[2] - levels[0], head.high_mm[2] - levels[-1]))
    low, high = np.array(errors).T
    assert abs(low.mean()) < 2.5
    assert abs(high.mean()) < 2.5
    assert low.std() < 6
    assert high.std() < 4


def test_oblique_scans_are_turned_upright() -> None:
    upright, _ = pixels_of(phantom(3.0), slices=3)
    tilted = phantom(3.0, turn=rotation([0.0, 0.0, 25.0]))
    found, _ = pixels_of(tilted, slices=3)
    as_scanned, _ = pixels_of(tilted, slices=3, axes="scan")
    assert np.abs(found - upright).mean() < 0.03
    assert np.abs(as_scanned - upright).mean() > 2 * np.abs(found - upright).mean()


def test_size_and_spacing_set_the_field_of_view() -> None:
    wide, _ = pixels_of(phantom(4.0), fov_mm=400.0, slices=1)
    close, _ = pixels_of(phantom(4.0), spacing_mm=1.0, slices=1)
    assert (wide > 0.1).mean() < 0.3
    assert (close > 0.1).mean() > 0.95


def test_area_weights_keep_the_mean_and_do_not_skip_voxels() -> None:
    for width in (0.3, 1.0, 2.7, 8.0):
        weights = area_weights(64, np.arange(10, 50, max(width, 1.0)), width)
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
        assert (weights.sum(axis=0)[15:45] > 0).all()
    np.testing.assert_allclose(area_weights(8, np.array([2.25]), 1.0)[0, 2:4], [0.75, 0.25])
    assert area_weights(8, np.array([-5.0]), 1.0).sum() == 0
