"""Central planes of volumes."""

import numpy as np

from brainzoo import Images
from brainzoo_metrics.features import views


def test_slices_are_seen_as_they_are() -> None:
    pixels = np.random.default_rng(0).random((3, 1, 4, 5)).astype(np.float32)
    seen = views(Images(pixels, [{} for _ in pixels], {}))
    assert list(seen) == [""]
    assert np.array_equal(seen[""], pixels)


def test_volumes_are_seen_in_three_central_planes() -> None:
    pixels = np.random.default_rng(0).random((20, 2, 4, 6, 8)).astype(np.float32)
    seen = views(Images(pixels, [{} for _ in pixels], {}))
    assert np.array_equal(seen["sagittal"], pixels[:, :, 2])
    assert np.array_equal(seen["coronal"], pixels[:, :, :, 3])
    assert np.array_equal(seen["axial"], pixels[:, :, :, :, 4])
