from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from phantom import (
    failure_of,
    phantom,
    pixels_of,
)

from brainzoo.common.errors import OptionError
from brainzoo.plugin.options import make_config, plain
from brainzoo.preparation.grid import rotation
from brainzoo.preparation.prepare import PrepareConfig


def test_slices_by_fraction_mm_index_and_step() -> None:
    volume = phantom(4.0)
    _, rows = pixels_of(volume, slices=5, slices_mm=(-20.0, 20.0))
    assert [row["position_mm"] for row in rows] == [-20, -10, 0, 10, 20]
    _, rows = pixels_of(volume, step_mm=4.0, slices_mm=(-10.0, 10.0))
    assert [row["position_mm"] for row in rows] == [-10, -6, -2, 2, 6, 10]
    _, rows = pixels_of(volume, slices=3, slices_fraction=(0.25, 0.75))
    places = [float(row["position_mm"]) for row in rows]
    assert places[1] == pytest.approx(0, abs=0.01)
    assert places[2] == pytest.approx(67.5 / 2, abs=3)
    _, rows = pixels_of(volume, slices=99, slices_index=(30, 33))
    assert len(rows) == 4
    np.testing.assert_allclose(np.diff([row["position_mm"] for row in rows]), 4, atol=0.02)
    assert "66 axial slices" in failure_of(volume, slices_index=(30, 70))


def test_slices_outside_the_scan_are_refused() -> None:
    volume = phantom(4.0)
    for options in (
        {"slices_mm": (300.0, 400.0)},
        {"slices_mm": (-20.0, 300.0)},
        {"sections_mm": (0.0, -300.0)},
        {"slices_mm": (300.0, 400.0), "patch_size": 32},
        {"slices_mm": (300.0, 400.0), "axes": "world"},
    ):
        assert "the slices asked for lie outside" in failure_of(volume, **options)
    tilted = phantom(4.0, turn=rotation([0.0, 0.0, 25.0]))
    assert "the slices asked for lie outside" in failure_of(tilted, slices_mm=(300.0, 400.0))
    images, _ = pixels_of(volume, slices=5, slices_index=(0, 65))  # the first and the last are in
    assert len(images) == 5


def test_slice_numbers_are_those_of_the_scans_own_axes() -> None:
    tilted = phantom(4.0, turn=rotation([0.0, 0.0, 25.0]))
    assert "numbered along its own axes" in failure_of(tilted, slices_index=(30, 33))
    images, _ = pixels_of(
        tilted, slices_index=(40, 40), axes="scan", slices=1, size=62, spacing_mm=4.0
    )
    own = tilted.data[:, :, 40].astype(float)
    assert images.max() > 0.5
    assert np.count_nonzero(images > 0.2) == pytest.approx(np.count_nonzero(own > 200), rel=0.1)


def test_sections_lie_at_distances_from_the_reference_level() -> None:
    _, rows = pixels_of(phantom(4.0), sections_mm=(-4.0, -2.0, 0.0, 2.0, 4.0))
    places = np.array([row["position_mm"] for row in rows])
    np.testing.assert_allclose(np.diff(places), 2, atol=0.02)
    assert 0 < places[2] < 15  # the basal ganglia lie a little above the brain's middle


def test_turned_copies_are_the_same_every_time() -> None:
    options = {"rotations": 4, "flips": True, "slices": 2}
    first, rows = pixels_of(phantom(4.0), **options)
    again, _ = pixels_of(phantom(4.0), **options)
    other, _ = pixels_of(phantom(4.0), **options, split_seed=1)
    np.testing.assert_array_equal(first, again)
    assert len(first) == 10
    assert not np.array_equal(first, other)
    assert rows[0]["turned_deg"] == "0 0 0"
    for row in rows:
        nod, tilt, turn = map(float, str(row["turned_deg"]).split())
        assert max(abs(nod), abs(tilt)) <= 10
        assert abs(turn) <= 5


def test_turns_follow_the_right_hand() -> None:
    # About the axis to the right the front rises, about the axis upwards the right comes forward.
    np.testing.assert_allclose(rotation([90.0, 0, 0]) @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(rotation([0, 90.0, 0]) @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation([0, 0, 90.0]) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_flips_mirror_left_and_right() -> None:
    options = {"rotations": 8, "rotations_deg": (0.0, 0.0, 0.0), "slices": 1, "flips": True}
    images, rows = pixels_of(phantom(4.0), **options)
    mirrored = [i for i, row in enumerate(rows) if row["flipped"]]
    assert mirrored
    np.testing.assert_allclose(images[mirrored[0], 0], images[0, 0][:, ::-1], atol=0.02)


def test_patches_are_cut_from_the_scans_own_voxels() -> None:
    volume = phantom(4.0)  # 54 × 62 voxels in a slice
    patches, rows = pixels_of(
        volume,
        patch_size=32,
        size=32,
        patches=4,
        slices=1,
        slices_index=(40, 40),
        percentiles=(1, 100),
    )
    assert len(rows) == 4
    whole = volume.data[:, :, 40][::-1, ::-1].T  # row 0 anterior, column 0 right
    np.testing.assert_allclose(patches[0, 0], whole[:32, :32] / 1000, atol=0.001)
    np.testing.assert_allclose(patches[3, 0], whole[-32:, -32:] / 1000, atol=0.001)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"slices_mm": (0, 1), "slices_index": (0, 1)}, "two ways"),
        ({"slices_mm": (5, 1)}, "lower and an upper"),
        ({"slices_fraction": (0.5, 1.5)}, "too large"),
        ({"slices_index": (-9, -2)}, "too small"),
        ({"percentiles": (99, 1)}, "percentiles"),
        ({"rotations_deg": (1, 2)}, "three angles"),
        ({"patch_size": 64, "dims": 3}, "patches"),
        ({"split_fractions": (1, 1, 1)}, "add up to 1"),
        ({"slice": 3}, "Did you mean 'slices'"),
        ({"plane": "axia"}, "axial, coronal, sagittal"),
    ],
)
def test_odd_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        make_config(PrepareConfig, options)


def test_options_survive_yaml_and_the_command_line() -> None:
    config = make_config(PrepareConfig, {"slices_index": "30,120", "percentiles": "0,99"})
    assert config.slices_index == (30, 120)
    assert make_config(PrepareConfig, plain(config)) == config
