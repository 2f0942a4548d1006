import numpy as np
import pytest

from brainzoo_gantrain.copies import NEAR, by_chance, near_copies


def cloud(n, seed):
    return np.random.default_rng(seed).normal(0, 1, (n, 10)).astype(np.float32)


def test_copies_are_near_and_new_images_are_not():
    train, test = cloud(500, 0), cloud(1000, 1)
    assert near_copies(train, test, train[:50] + 1e-3).all()
    assert near_copies(train, test, cloud(2000, 2)).mean() == pytest.approx(NEAR, abs=0.01)


def test_half_copies_are_half():
    train, test = cloud(500, 0), cloud(300, 1)
    mixed = np.concatenate([train[:100], cloud(100, 2)])
    assert near_copies(train, test, mixed).mean() == pytest.approx(0.5, abs=0.03)


def test_few_subjects_make_a_rough_threshold():
    rates = []
    for seed in range(200):
        train, test, made = cloud(100, 3 * seed), cloud(16, 3 * seed + 1), cloud(100, 3 * seed + 2)
        rates.append(near_copies(train, test, made).mean())
    assert np.mean(np.array(rates) > by_chance(16)) < 0.15
    assert by_chance(16) == pytest.approx(0.17, abs=0.01)
    assert by_chance(10_000) == NEAR
