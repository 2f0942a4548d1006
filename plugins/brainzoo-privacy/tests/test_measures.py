import numpy as np
import pytest
from scipy import stats

from brainzoo_privacy import measures
from brainzoo_privacy.calibration import (
    Limits,
    lead_of,
    limits,
    tolerance_factor,
)


def test_auc_is_that_of_all_pairs():
    rng = np.random.default_rng(0)
    members, others = rng.normal(0.5, 1, 40), rng.normal(0, 1, 30)
    expected = np.mean(members[:, None] > others[None])
    people = [str(i) for i in range(70)]
    found = measures.membership_draws(members, others, people, seed=0, rounds=20)
    assert found[0] == pytest.approx(expected)
    assert len(set(found[1:])) > 10
    alike = measures.membership_draws(np.ones(5), np.ones(4), people[:9], seed=0, rounds=1)
    assert alike[0] == 0.5


def test_an_image_at_its_training_image_is_not_authentic():
    among = np.array([0.5, 0.6], np.float32)
    similarity, nearest = np.array([0.9, 0.4], np.float32), np.array([0, 1])
    assert measures.authentic(similarity, nearest, among) == 50


def test_who_is_as_near_to_test_as_to_train_is_at_one_half():
    rng = np.random.default_rng(0)
    train, test = rng.random((300, 60)), rng.random((300, 24))
    value, low, high = measures.nearer_to_train(train, test, seed=0, rounds=100)
    assert value == pytest.approx(0.5, abs=0.05)
    assert low < 0.5 < high
    assert measures.nearer_to_train(train + 2, test, seed=0, rounds=20)[0] == 1


def test_equal_numbers_of_subjects_are_compared():
    """With every subject alike, more training subjects must not look like copying."""
    rng = np.random.default_rng(0)
    train, test = 0.7 * rng.random((400, 200)), 0.7 * rng.random((400, 20))
    of_train, of_test = measures.copy_rates_of_equal_number(train, test, Limits(0.69, 9), 0)
    assert of_train == pytest.approx(of_test, abs=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_limits_hold_for_others_of_the_same_kind(seed):
    rng = np.random.default_rng(seed)
    z, lead = rng.normal(0.6, 0.12, 4000), rng.exponential(0.05, 4000)
    similarity = np.tanh(z)
    found = limits(similarity[:500], lead[:500], 100, 0.01)
    assert found.flags(similarity[500:], lead[500:]).mean() <= 0.01
    assert stats.norm.sf(np.arctanh(found.similarity), 0.6, 0.12) > 0.0002  # no looser than needed


def test_more_images_need_more_to_be_duplicates():
    rng = np.random.default_rng(0)
    similarity, lead = np.tanh(rng.normal(0.6, 0.1, 500)), rng.exponential(0.05, 500)
    few, many = (limits(similarity, lead, 80, 0.01 / n) for n in (100, 10_000))
    assert limits(similarity, lead, 80, 0.01).similarity < few.similarity < many.similarity < 1
    assert few.lead < many.lead


def test_the_lead_is_over_the_second_subject():
    table = np.array([[0.1, 0.8, 0.5], [0.3, 0.3, -1]], np.float32)
    assert lead_of(table) == pytest.approx([np.arctanh(0.8) - np.arctanh(0.5), 0], abs=1e-5)


def test_tolerance_factor_agrees_with_the_exact_one():
    """Against the exact factor, from the noncentral t distribution."""
    exact = stats.nct.ppf(0.95, 79, stats.norm.isf(0.01) * np.sqrt(80)) / np.sqrt(80)
    assert tolerance_factor(0.01, 80) == pytest.approx(exact, rel=0.01)
