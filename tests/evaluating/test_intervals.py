"""Intervals by bootstrap over subjects."""

import numpy as np
import pytest

from brainzoo.evaluating import bootstrap, resamples

SUBJECTS = [f"s{i // 5}" for i in range(50)]


def test_whole_subjects_are_drawn_as_many_as_there_are() -> None:
    for positions in resamples(SUBJECTS, seed=0, rounds=20):
        counts = np.bincount(positions, minlength=50).reshape(10, 5)
        assert (counts == counts[:, :1]).all()
        assert counts[:, 0].sum() == 10


def test_an_interval_is_as_wide_as_subjects_not_images_make_it() -> None:
    of_subject = np.random.default_rng(0).standard_normal(10)
    values = np.repeat(of_subject, 5)
    found = bootstrap(lambda at: float(values[at].mean()), SUBJECTS, seed=0)
    error = of_subject.std() / np.sqrt(10)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert found.low < values.mean() < found.high


def test_it_holds_the_truth_about_as_often_as_it_says() -> None:
    subjects = [str(i) for i in range(40)]

    def holds_zero(seed: int) -> bool:
        values = np.random.default_rng(seed).standard_normal(40)
        found = bootstrap(lambda at: float(values[at].mean()), subjects, seed=seed, rounds=200)
        return found.low <= 0 <= found.high

    assert 0.85 <= np.mean([holds_zero(seed) for seed in range(60)]) <= 1


def test_draws_without_a_value_are_left_out() -> None:
    values = np.arange(50.0)
    found = bootstrap(lambda at: float(values[at].mean()) if 0 in at else np.nan, SUBJECTS, seed=0)
    assert np.isfinite([found.low, found.high]).all()
    assert np.isnan(bootstrap(lambda at: np.nan, SUBJECTS, seed=0, rounds=5).low)


def test_the_seed_decides() -> None:
    one, other, again = (
        np.concatenate(list(resamples(SUBJECTS, seed=seed, rounds=3))).tolist()
        for seed in (1, 2, 1)
    )
    assert one == again != other
