"""Intervals by bootstrap over subjects."""

import numpy as np
import pytest

from brainzoo import Images
from brainzoo.evaluating.intervals import bootstrap, interval, subjects_of

SUBJECTS = [f"s{i // 5}" for i in range(50)]


def mean_interval(values, subjects, seed=0, rounds=1000, **more):
    weights = bootstrap(subjects, seed=seed, rounds=rounds)
    return interval(weights @ values / weights.sum(1), **more)


def test_whole_subjects_are_drawn_as_many_as_there_are() -> None:
    weights = bootstrap(SUBJECTS, seed=0, rounds=20).reshape(21, 10, 5)
    assert (weights[0] == 1).all()
    assert (weights == weights[:, :, :1]).all()
    assert (weights[:, :, 0].sum(1) == 10).all()
    assert len({row.tobytes() for row in weights}) == 21


@pytest.mark.parametrize("normal", [True, False])
def test_an_interval_is_as_wide_as_subjects_not_images_make_it(normal: bool) -> None:
    of_subject = np.random.default_rng(0).standard_normal(10)
    values = np.repeat(of_subject, 5)
    found = mean_interval(values, SUBJECTS, normal=normal)
    error = of_subject.std() / np.sqrt(10)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert found.low < values.mean() < found.high


def test_it_holds_the_truth_about_as_often_as_it_says() -> None:
    subjects = [str(i) for i in range(40)]

    def holds_zero(seed: int) -> bool:
        values = np.random.default_rng(seed).standard_normal(40)
        found = mean_interval(values, subjects, seed=seed, rounds=200)
        return bool(found.low <= 0 <= found.high)

    assert 0.85 <= np.mean([holds_zero(seed) for seed in range(60)]) <= 1


def test_draws_without_a_value_are_left_out_and_bounds_cut() -> None:
    draws = np.array([0.5, np.nan, 0.4, 0.6, 0.5, np.nan])
    assert interval(draws, bounds=(0.45, 1)).low == 0.45
    assert interval(np.array([0.5, np.nan])) is None
    assert interval(np.array([0.5])) is None


def test_the_seed_decides() -> None:
    one, other, again = (bootstrap(SUBJECTS, seed=s, rounds=3).tolist() for s in (1, 2, 1))
    assert one == again != other


def test_an_image_without_a_subject_is_its_own() -> None:
    images = Images(np.zeros((3, 1, 8, 8), np.uint8), [{"subject": "a"}, {"subject": "a"}, {}], {})
    assert subjects_of(images) == ["subject a", "subject a", "image 2"]
