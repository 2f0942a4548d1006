"""Fréchet and kernel distance, precision to coverage, C2ST: known answers."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import sqrtm

from brainzoo.plugin.intervals import bootstrap
from brainzoo_metrics import distances, neighbours, twosample
from brainzoo_metrics.measure import ROUNDS

Array = NDArray[np.float64]


def gaussian(n: int, d: int, seed: int, *, shift: float = 0, scale: float = 1) -> Array:
    return shift + scale * np.random.default_rng(seed).standard_normal((n, d))


def correlated(n: int, d: int, seed: int) -> Array:
    mix = np.random.default_rng(100 + seed).standard_normal((d, d))
    return gaussian(n, d, seed) @ mix


def ones(*sets: Array) -> list[Array]:
    return [np.ones((1, len(vectors))) for vectors in sets]


def frechet(a: Array, b: Array) -> float:
    return float(distances.frechet_draws(a, b, *ones(a, b))[0])


def kernel_distance(a: Array, b: Array) -> float:
    return float(distances.kernel_draws(a, b, *ones(a, b))[0])


def prdc(real: Array, fake: Array, k: int) -> dict[str, float]:
    found = neighbours.prdc_draws(real, fake, k, *ones(real, fake))
    return {name: float(draws[0]) for name, draws in found.items()}


@pytest.mark.parametrize(("n", "d"), [(300, 12), (40, 64)])
def test_frechet_agrees_with_the_textbook_formula(n: int, d: int) -> None:
    a, b = correlated(n, d, 0), 1 + correlated(n, d, 1)
    sigma_a, sigma_b = np.cov(a.T), np.cov(b.T)
    root = np.sqrt(np.linalg.eigvals(sigma_a @ sigma_b).astype(complex)).real.sum()
    shift = a.mean(0) - b.mean(0)
    wanted = shift @ shift + np.trace(sigma_a) + np.trace(sigma_b) - 2 * root
    assert frechet(a, b) == pytest.approx(wanted, rel=1e-3)
    if n > d:
        assert np.trace(sqrtm(sigma_a @ sigma_b)).real == pytest.approx(root, rel=1e-6)


def test_frechet_of_gaussians_has_its_closed_form() -> None:
    a, b = gaussian(40_000, 4, 0), gaussian(40_000, 4, 1, shift=3, scale=2)
    assert frechet(a, b) == pytest.approx(4 * 3**2 + 4 * (2 - 1) ** 2, rel=0.02)


def test_both_distances_agree_with_torch_fidelity() -> None:
    from brainzoo_metrics.feature_weights import import_torchvision

    import_torchvision()  # torch-fidelity imports it, in vain beside some builds of torch
    fid = pytest.importorskip("torch_fidelity.metric_fid")
    kid = pytest.importorskip("torch_fidelity.metric_kid")
    import torch

    a, b = correlated(90, 32, 0), 0.3 + correlated(90, 32, 1)
    one, other = (fid.fid_features_to_statistics(torch.from_numpy(x)) for x in (a, b))
    wanted = fid.fid_statistics_to_metric(one, other, verbose=False)
    assert frechet(a, b) == pytest.approx(wanted[fid.KEY_METRIC_FID], rel=1e-3)
    wanted = kid.kid_features_to_metric(
        torch.from_numpy(a), torch.from_numpy(b), kid_subsets=1, kid_subset_size=90, verbose=False
    )
    found = kernel_distance(a, b)
    assert found == pytest.approx(wanted[kid.KEY_METRIC_KID_MEAN], rel=1e-3)


def test_kernel_distance_agrees_with_the_definition_and_is_unbiased() -> None:
    a, b = gaussian(30, 5, 0), gaussian(20, 5, 1, shift=1)

    def kernel(x: Array, y: Array) -> float:
        return float((x @ y / 5 + 1) ** 3)

    def within(x: Array) -> float:
        return float(np.mean([kernel(p, q) for i, p in enumerate(x) for q in np.delete(x, i, 0)]))

    wanted = within(a) + within(b) - 2 * np.mean([kernel(p, q) for p in a for q in b])
    assert kernel_distance(a, b) == pytest.approx(wanted, rel=1e-9)
    many = [kernel_distance(gaussian(25, 5, 2 * i), gaussian(25, 5, 2 * i + 1)) for i in range(200)]
    assert abs(np.mean(many)) < 3 * np.std(many) / np.sqrt(len(many))


def test_identical_sets_have_no_distance_and_full_coverage() -> None:
    a = gaussian(60, 8, 0)
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert kernel_distance(a, a) <= 0
    found = prdc(a, a, 5)
    assert found["precision"] == found["recall"] == found["coverage"] == 1


def test_prdc_agrees_with_the_definition() -> None:
    real, fake, k = gaussian(40, 3, 0), gaussian(40, 3, 1, shift=0.5), 3

    def ball(x: Array, i: int) -> float:
        return float(np.sort(np.linalg.norm(x - x[i], axis=1))[k])

    far = np.linalg.norm(real[:, None] - fake[None], axis=2)
    in_real = far <= np.array([[ball(real, i)] for i in range(40)])
    in_fake = far <= np.array([ball(fake, j) for j in range(40)])
    found = prdc(real, fake, k)
    assert found["precision"] == pytest.approx(in_real.any(0).mean())
    assert found["recall"] == pytest.approx(in_fake.any(1).mean())
    assert found["density"] == pytest.approx(in_real.sum() / (k * 40))
    assert found["coverage"] == pytest.approx(in_real.any(1).mean())


def test_mode_collapse_is_precise_and_covers_nothing() -> None:
    real = gaussian(100, 4, 0)
    collapsed = real[:1] + gaussian(100, 4, 1, scale=1e-3)
    found = prdc(real, collapsed, 5)
    assert found["precision"] == 1
    assert found["coverage"] < 0.2
    assert found["recall"] < 0.05


def test_radii_skip_the_same_subject() -> None:
    vectors = np.array([[0.0], [0.1], [5.0], [5.1]])
    subjects = ["a", "a", "b", "b"]
    assert neighbours.radii(vectors, 1) == pytest.approx([0.1] * 4)
    assert neighbours.radii(vectors, 1, subjects) == pytest.approx([5, 4.9, 4.9, 5])


def test_c2st_is_at_chance_for_one_distribution_and_sure_for_two() -> None:
    subjects = ([f"r{i // 4}" for i in range(160)], [f"s{i}" for i in range(160)])
    real = gaussian(160, 6, 0)
    ones = np.ones((1, 160))
    for shift, low, high in ((0, 0.38, 0.62), (3, 0.98, 1)):
        right = twosample.told_apart(real, gaussian(160, 6, 1, shift=shift), subjects, 0)
        assert low <= twosample.accuracy_draws(right, ones, ones)[0] <= high


def test_c2st_folds_keep_subjects_together() -> None:
    # Slices of one head are the same point; heads of both sets come from one distribution. Folds
    # by image would know each head already and tell all apart.
    real, other = (np.repeat(gaussian(30, 40, seed), 6, axis=0) for seed in (0, 1))
    subjects = ([f"r{i // 6}" for i in range(180)], [f"s{i // 6}" for i in range(180)])
    ones = np.ones((1, 180))
    right = twosample.told_apart(real, other, subjects, 0)
    assert twosample.accuracy_draws(right, ones, ones)[0] < 0.75


def test_frechet_draws_give_up_the_interval_where_it_costs_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a, b = gaussian(30, 4, 0), gaussian(30, 4, 1)
    weights = bootstrap([str(i) for i in range(30)], seed=0, rounds=ROUNDS)
    assert len(distances.frechet_draws(a, b, weights, weights)) == 1 + distances.FRECHET_ROUNDS
    monkeypatch.setattr(distances, "MOST_WORK", 100)
    assert len(distances.frechet_draws(a, b, weights, weights)) == 1
