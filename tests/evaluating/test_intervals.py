"""Intervals by bootstrap over subjects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from brainzoo import Images
from brainzoo.plugin.findings import MetricValue
from brainzoo.plugin.intervals import bootstrap, few_people, interval, subjects_of

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


@given(
    value=st.floats(-1e6, 1e6),
    draws=st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=2, max_size=30),
    normal=st.booleans(),
    people=st.none() | st.integers(1, 50),
)
def test_it_holds_its_own_value(
    value: float, draws: list[float], normal: bool, people: int | None
) -> None:
    found = interval(np.array([value, *draws]), normal=normal, people=people)
    assert found is None or found.low <= value <= found.high


def test_with_few_people_it_is_as_much_wider_as_student_says() -> None:
    for count in (6, 12, 24):
        wanted = (
            stats.t.ppf(0.975, count - 1) / stats.norm.ppf(0.975) * np.sqrt(count / (count - 1))
        )
        assert few_people(count) == pytest.approx(wanted, rel=0.01)

    def holds_zero(seed: int, people: int | None) -> bool:
        values = np.random.default_rng(seed).standard_normal(8)
        found = mean_interval(values, [str(i) for i in range(8)], seed, rounds=200, people=people)
        return bool(found.low <= 0 <= found.high)

    plain, wide = (np.mean([holds_zero(s, people) for s in range(200)]) for people in (None, 8))
    assert plain < 0.92 < wide <= 0.99


def test_a_bias_of_the_draws_is_taken_out_twice_and_chance_is_not() -> None:
    spread = np.random.default_rng(0).standard_normal(1000)
    spread -= spread.mean()
    low, high = np.quantile(spread, [0.025, 0.975])
    moved = interval(np.array([0, *(spread + 1)]))
    assert moved == (pytest.approx(low - 1), pytest.approx(high - 1))
    chance = interval(np.array([0, *(spread + 0.05)]))
    assert chance == (pytest.approx(low + 0.05), pytest.approx(high + 0.05))


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


def test_a_value_takes_its_interval_and_floor_from_draws() -> None:
    alone = MetricValue.of("x", np.array([2.0]), 9)
    assert (alone.value, alone.low, alone.high, alone.floor) == (2.0, None, None, None)
    draws = np.array([0.9, 0.5, 1.3, 0.9])
    held = MetricValue.of("x", draws, 9, draws, normal=True, bounds=(0.0, 1.0))
    assert (held.high, held.floor) == (1.0, 0.9)
    assert held.low is not None
    assert held.low < 0.9
