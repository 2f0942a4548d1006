"""Sets that no honest value can come from."""

import numpy as np
import pytest

from brainzoo import EvaluationSets, Images
from brainzoo.common.errors import DataError


def images(prefix: str, n: int = 8, *, side: int = 8, dtype: str = "float32") -> Images:
    pixels = np.zeros((n, 1, side, side), dtype)
    return Images(pixels, [{"subject": f"{prefix}{i // 2}"} for i in range(n)], {})


def synthetic(pixels: np.ndarray) -> Images:
    return Images(pixels, [{} for _ in pixels], {"synthetic": True})


GOOD = synthetic(np.zeros((8, 1, 8, 8), np.float32))


def expect(train: Images, test: Images, made: Images = GOOD, subjects: int = 2) -> None:
    EvaluationSets(train, test, made).check(least_subjects=subjects)


def test_sets_that_can_be_compared_are_taken() -> None:
    expect(images("a"), images("b"))
    expect(images("a", dtype="uint16"), images("b"))


def test_a_subject_in_train_and_test_is_refused_and_named() -> None:
    train = images("a")
    train.table[0] = {"subject": "b3"}
    with pytest.raises(DataError, match=r"1 subjects .* train and test: b3"):
        expect(train, images("b"))


def test_a_validation_subject_is_in_no_other_set() -> None:
    EvaluationSets(images("a"), images("b"), GOOD, images("c")).check()
    for other in ("a", "b"):
        with pytest.raises(DataError, match="validation"):
            EvaluationSets(images("a"), images("b"), GOOD, images(other)).check()


@pytest.mark.parametrize("name", ["train", "test", "synthetic"])
def test_too_few_images_are_said(name: str) -> None:
    sets = {"train": images("a"), "test": images("b"), "synthetic": GOOD}
    sets[name] = sets[name][:7]
    with pytest.raises(DataError, match=f"7 {name} images; expected 8"):
        expect(sets["train"], sets["test"], sets["synthetic"])


def test_too_few_subjects_are_said() -> None:
    with pytest.raises(DataError, match="of 4 subjects; expected 5 or more"):
        expect(images("a"), images("b"), subjects=5)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(DataError, match="the train images have the shape"):
        expect(images("a", side=4), images("b"))
    volumes = synthetic(np.zeros((8, 1, 8, 8, 8), np.float32))
    with pytest.raises(DataError, match="the synthetic images have the shape"):
        expect(images("a"), images("b"), volumes)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.1])
def test_values_that_are_no_grey_are_refused(value: float) -> None:
    pixels = np.zeros((8, 1, 8, 8), np.float32)
    pixels[5, 0, 2, 3] = value
    with pytest.raises(DataError, match="1 of the synthetic images 0 to 7"):
        expect(images("a"), images("b"), synthetic(pixels))
