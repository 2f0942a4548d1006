"""What evaluators refuse, and how they divide images."""

import numpy as np
import pytest

from brainzoo import Images
from brainzoo.common.errors import DataError
from brainzoo.evaluating import expect_comparable, halves, of_equal_number, subjects_of


def images(prefix: str, n: int = 8, *, side: int = 8, dtype: str = "float32") -> Images:
    pixels = np.zeros((n, 1, side, side), dtype)
    return Images(pixels, [{"subject": f"{prefix}{i // 2}"} for i in range(n)], {})


def synthetic(pixels: np.ndarray) -> Images:
    return Images(pixels, [{} for _ in pixels], {"synthetic": True})


GOOD = synthetic(np.zeros((8, 1, 8, 8), np.float32))


def expect(train: Images, test: Images, made: Images = GOOD, subjects: int = 2) -> None:
    expect_comparable(train=train, test=test, synthetic=made, least_subjects=subjects)


def test_sets_that_can_be_compared_are_taken() -> None:
    expect(images("a"), images("b"))
    expect(images("a", dtype="uint16"), images("b"))


def test_a_subject_in_train_and_test_is_refused_and_named() -> None:
    train = images("a")
    train.table[0] = {"subject": "b3"}
    with pytest.raises(DataError, match="1 subjects are in train and in test: b3"):
        expect(train, images("b"))


@pytest.mark.parametrize("name", ["train", "test", "synthetic"])
def test_too_few_images_are_said(name: str) -> None:
    sets = {"train": images("a"), "test": images("b"), "synthetic": GOOD}
    sets[name] = sets[name][:7]
    with pytest.raises(DataError, match=f"the {name} images are 7; expected 8 or more"):
        expect(sets["train"], sets["test"], sets["synthetic"])


def test_too_few_subjects_are_said() -> None:
    with pytest.raises(DataError, match="of 4 subjects; expected 5 or more"):
        expect(images("a"), images("b"), subjects=5)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(DataError, match="the train images have shape"):
        expect(images("a", side=4), images("b"))
    volumes = synthetic(np.zeros((8, 1, 8, 8, 8), np.float32))
    with pytest.raises(DataError, match="the synthetic images have shape"):
        expect(images("a"), images("b"), volumes)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.1])
def test_values_that_are_no_grey_are_refused(value: float) -> None:
    pixels = np.zeros((8, 1, 8, 8), np.float32)
    pixels[5, 0, 2, 3] = value
    with pytest.raises(DataError, match="1 of the synthetic images 0 to 7"):
        expect(images("a"), images("b"), synthetic(pixels))


def test_an_image_without_a_subject_is_its_own() -> None:
    assert subjects_of(images("a", 3)) == ["subject a0", "subject a0", "subject a1"]
    assert subjects_of(GOOD[:2]) == ["image 0", "image 1"]


def test_equal_numbers_are_drawn_once_each_and_alike_by_seed() -> None:
    many = images("a", 20)
    drawn, few = of_equal_number([many, images("b", 6)], seed=3)
    assert len(drawn) == len(few) == 6
    assert len(set(drawn.positions.tolist())) == 6
    again, _ = of_equal_number([many, images("b", 6)], seed=3)
    assert drawn.positions.tolist() == again.positions.tolist()


def test_halves_share_no_subject_and_lose_no_image() -> None:
    first, second = halves(images("a", 20), seed=0)
    assert len(first) == len(second) == 10
    assert not set(first.subjects()) & set(second.subjects())
    assert sorted([*first.positions, *second.positions]) == list(range(20))
    with pytest.raises(DataError, match="cannot be halved"):
        halves(images("a", 2), seed=0)
