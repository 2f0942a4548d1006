from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from brainzoo.common.errors import DataError
from brainzoo.data.pictures import GAP_GREY, GAP_PIXELS, grid, png_bytes, tile


def ramps(n: int, height: int = 16, width: int = 16) -> np.ndarray:
    return np.broadcast_to(np.linspace(0, 1, width), (n, 1, height, width)).astype(np.float32)


def opened(*args: Any, **options: Any) -> Image.Image:
    return Image.open(io.BytesIO(grid(*args, **options)))


def test_a_pixel_becomes_a_block_of_exactly_its_grey() -> None:
    pixels = np.zeros((1, 1, 2, 2), np.float32)
    pixels[0, 0, 1, 0] = 1.0
    shown = np.asarray(opened(pixels, scale=3))
    assert shown.shape == (6, 6)
    assert (shown[3:, :3] == 255).all()
    assert (shown[:3] == 0).all()
    assert (shown[3:, 3:] == 0).all()


def test_small_images_are_enlarged_by_the_least_whole_number() -> None:
    assert opened(ramps(1, 32, 32)).size == (64, 64)
    assert opened(ramps(1, 28, 28)).size == (84, 84)
    assert opened(ramps(1, 100, 100)).size == (100, 100)


def test_images_stand_in_rows_with_dark_gaps_between() -> None:
    shown = np.asarray(opened(np.ones((5, 1, 4, 4), np.float32), columns=3, scale=1))
    step = 4 + GAP_PIXELS
    assert shown.shape == (2 * step - GAP_PIXELS, 3 * step - GAP_PIXELS)
    assert (shown[:, 4:step] == GAP_GREY).all()
    assert (shown[:4, :4] == 255).all()
    assert (shown[step:, 2 * step :] == GAP_GREY).all(), "the sixth place is empty"


def test_values_outside_are_clipped_and_nothing_is_stretched() -> None:
    pixels = np.array([-1.0, 0.25, 0.5, 2.0], np.float32).reshape(1, 1, 2, 2)
    assert np.asarray(tile(pixels[0])).ravel().tolist() == [0, 64, 128, 255]


def test_a_volume_shows_three_planes_as_radiologists_see_them() -> None:
    volume = np.zeros((1, 9, 9, 9), np.float32)
    volume[0, 8, 4, 4] = 1.0  # the patient's right
    volume[0, 4, 8, 4] = 0.8  # anterior
    volume[0, 4, 4, 8] = 0.6  # superior
    shown = np.asarray(tile(volume)).astype(float) / 255
    axial, coronal, sagittal = shown[:, :9], shown[:, 9:18], shown[:, 18:]
    assert axial[4, 0] == pytest.approx(1.0)
    assert axial[0, 4] == pytest.approx(0.8)
    assert coronal[4, 0] == pytest.approx(1.0)
    assert coronal[0, 4] == pytest.approx(0.6, abs=0.01)
    assert sagittal[4, 0] == pytest.approx(0.8)
    assert sagittal[0, 4] == pytest.approx(0.6, abs=0.01)


def test_planes_of_different_height_fit_into_one_row() -> None:
    assert tile(np.zeros((1, 6, 8, 10), np.float32)).size == (6 + 6 + 8, 10)


def test_channels_stand_side_by_side() -> None:
    image = np.stack([np.zeros((4, 4)), np.ones((4, 4))]).astype(np.float32)
    shown = np.asarray(tile(image))
    assert (shown[:, :4] == 0).all()
    assert (shown[:, 4:] == 255).all()


@pytest.mark.parametrize("kind", ["labels", "column_labels", "row_labels"])
def test_labels_add_room_and_leave_the_images_alone(kind: str) -> None:
    plain = opened(np.zeros((4, 1, 64, 64), np.float32), columns=2)
    labelled = opened(np.zeros((4, 1, 64, 64), np.float32), columns=2, **{kind: ["old", "young"]})
    assert labelled.width * labelled.height > plain.width * plain.height
    assert np.asarray(labelled).max() > 200, "the text can be read"
    across = (np.asarray(labelled) == 0).sum()
    assert across >= 0.97 * (np.asarray(plain) == 0).sum()


@pytest.mark.parametrize(
    ("text", "alike"), [("20–29", "20-29"), ("−5 × 3", "-5 x 3"), ("größer", "grosser")]
)
def test_labels_have_no_boxes_for_letters_that_the_font_lacks(text: str, alike: str) -> None:
    black = np.zeros((1, 1, 64, 64), np.float32)
    shown, expected = (opened(black, column_labels=[one]) for one in (text, alike))
    assert np.array_equal(np.asarray(shown), np.asarray(expected))


def test_a_long_label_is_shortened_to_its_column() -> None:
    one = opened(np.zeros((1, 1, 64, 64), np.float32), labels=["x" * 500])
    assert one.width == 64


@pytest.mark.parametrize("shape", [(0, 1, 8, 8), (8, 8), (1, 8, 8)])
def test_what_is_no_image_is_refused_with_its_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="shape"):
        grid(np.zeros(shape, np.float32))


def test_pixels_that_are_not_finite_are_refused() -> None:
    with pytest.raises(DataError, match="NaN"):
        grid(np.full((1, 1, 4, 4), np.nan, np.float32))


def test_png_holds_the_same_pixels_and_no_metadata() -> None:
    picture = tile(ramps(1)[0])
    picture.info["comment"] = "subject 17"
    content = png_bytes(picture)
    found = Image.open(io.BytesIO(content))
    assert np.array_equal(np.asarray(found), np.asarray(picture))
    assert found.info == {}
    assert b"tEXt" not in content
    assert b"tIME" not in content
    assert content == png_bytes(picture)
