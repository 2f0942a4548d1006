"""Reference numbers, and coverage of intervals with simulated readers."""

import numpy as np
import pytest
from scipy.stats import norm, t

from brainzoo_quiz.statistics import agreement, group, planning, rates
from brainzoo_quiz.statistics.paper import TABLE_1, kazuhiro2018

from .conftest import normal_reader

# TP FN FP TN; balanced accuracy; Wilson 95 % at n = 50; d' raw and corrected; c raw.
REFERENCE = {
    "NR1": ((56, 44, 45, 55), 0.555, (0.418, 0.684), 0.277, 0.266, -0.013),
    "NR2": ((30, 70, 71, 29), 0.295, (0.187, 0.432), -1.078, -1.032, -0.014),
    "NNR1": ((90, 10, 24, 76), 0.830, (0.703, 0.910), 1.988, 1.873, -0.288),
    "NNR2": ((83, 17, 40, 60), 0.715, (0.578, 0.821), 1.208, 1.149, -0.350),
    "NNR3": ((73, 27, 44, 56), 0.645, (0.506, 0.763), 0.764, 0.731, -0.231),
}

PLAN = {  # images a reader for equivalence: margin .10, alpha .05, power 80 %, truth .5
    (0.0, 0.0): {3: 194, 5: 68, 8: 36, 10: 26},
    (0.05, 0.10): {5: 198, 8: 60, 10: 44, 15: 28},
    (0.05, 0.20): {8: 86, 10: 70},
    (0.10, 0.15): {15: 88, 20: 54},
    (0.19, 0.10): dict.fromkeys(planning.READERS),
}


def simulate(readers, images, *, reader_sd, image_sd, accuracy, rounds, seed):
    """Analyse simulated studies: means, standard errors, degrees of freedom, ``(round,)`` each."""
    random = np.random.default_rng(seed)
    positive = np.arange(images) < images // 2
    means = []
    for _ in range(rounds):
        of_readers = reader_sd * random.standard_normal((readers, 1))
        chance = accuracy + of_readers + image_sd * random.standard_normal(images)
        right = random.random(chance.shape) < chance
        means.append(group.mean_over_readers((right == positive).astype(float), positive))
    return np.array([(mean["value"], mean["se"], mean["df"]) for mean in means]).T


def share_shown(mean, se, df, *, margin, alpha, goal):
    """Return the share of simulated studies that show equivalence, or a difference."""
    if goal == "difference":
        return float((np.abs(mean - 0.5) > t.isf(alpha / 2, df) * se).mean())
    return float((np.abs(mean - 0.5) + t.isf(alpha, df) * se < margin).mean())


@pytest.mark.parametrize("reader", REFERENCE)
def test_the_papers_table(reader):
    counts, balanced, wilson, raw, corrected, criterion = REFERENCE[reader]
    found = next(row for row in kazuhiro2018()["readers"] if row["reader"] == reader)
    assert (found["tp"], found["fn"], found["fp"], found["tn"]) == counts == TABLE_1[reader]
    assert found["balanced_accuracy"]["value"] == pytest.approx(balanced)
    assert found["accuracy"]["value"] == pytest.approx(balanced)
    assert abs(found["accuracy"]["value"] - found["accuracy_published"]) < 0.00501
    ends = (found["accuracy"]["low"], found["accuracy"]["high"])
    assert ends == pytest.approx(wilson, abs=5e-4)
    assert found["d_prime_raw"] == pytest.approx(raw, abs=5e-4)
    assert found["d_prime"]["value"] == pytest.approx(corrected, abs=5e-4)
    assert found["criterion_raw"] == pytest.approx(criterion, abs=5e-4)


def test_the_papers_group():
    found = kazuhiro2018()
    mean, test = found["group"]["balanced_accuracy"], found["group"]["test"]
    assert mean["value"] == pytest.approx(0.608)
    assert mean["sd"] == pytest.approx(0.202, abs=5e-4)
    assert (mean["low"], mean["high"]) == pytest.approx((0.357, 0.859), abs=5e-4)
    assert (test["low"], test["high"]) == pytest.approx((0.416, 0.800), abs=5e-4)
    assert not test["equivalent"]
    assert not test["different"]
    assert "percentages" in found["caveat"]
    assert [r["reader"] for r in found["readers"] if r["flags"]] == ["NR2"]


def test_pooling_answers_would_be_too_narrow():
    pooled = rates.wilson(0.608 * 250, 250)
    assert (pooled["low"], pooled["high"]) == pytest.approx((0.546, 0.666), abs=5e-4)


@pytest.mark.parametrize(("spread", "readers"), [(s, r) for s, row in PLAN.items() for r in row])
def test_the_table_of_plans(spread, readers):
    need = planning.images_needed(readers, reader_sd=spread[0], image_sd=spread[1])
    assert need == PLAN[spread][readers]


@pytest.mark.parametrize(
    ("spread", "readers", "images"), [((0, 0), 8, 36), ((0.05, 0.1), 10, 44), ((0.05, 0.2), 10, 70)]
)
def test_simulated_studies_have_the_power_planned(spread, readers, images):
    sds = {"reader_sd": spread[0], "image_sd": spread[1]}
    test = {"margin": 0.1, "alpha": 0.05, "goal": "equivalence"}
    found = simulate(readers, images, accuracy=0.5, rounds=1500, seed=1, **sds)
    planned = planning.power(readers, images, **sds)
    assert share_shown(*found, **test) == pytest.approx(planned, abs=0.05)
    at_margin = simulate(readers, images, accuracy=0.6, rounds=1500, seed=2, **sds)
    assert share_shown(*at_margin, **test) < 0.065  # at most alpha, but for the draw


def test_a_difference_is_found_as_often_as_planned():
    study = {"reader_sd": 0.05, "image_sd": 0.1, "accuracy": 0.6}
    test = {"margin": 0.1, "alpha": 0.05, "goal": "difference"}
    images = planning.images_needed(8, **study, **test)
    found = simulate(8, images, rounds=1500, seed=3, **study)
    assert share_shown(*found, **test) == pytest.approx(0.8, abs=0.06)


def test_within_one_kind_the_error_is_that_of_the_analysis_of_variance():
    """(MSR + max(MSI - MSRI, 0)) / (R I) by hand, for readers who know all created images."""
    random = np.random.default_rng(4)
    right = (random.random((6, 40)) < random.random(40)).astype(float)
    rows, columns, all_ = right.mean(1), right.mean(0), right.mean()
    msr = 40 * ((rows - all_) ** 2).sum() / 5
    msi = 6 * ((columns - all_) ** 2).sum() / 39
    msri = ((right - rows[:, None] - columns + all_) ** 2).sum() / (5 * 39)
    said = np.hstack([right, np.zeros((6, 10))])
    mean = group.mean_over_readers(said, np.arange(50) < 40)
    # Balanced accuracy is half of it, and the other half never varies.
    assert mean["se"] ** 2 * 4 == pytest.approx((msr + max(msi - msri, 0)) / (6 * 40))


def test_balanced_accuracy_is_the_auc_of_yes_and_no():
    said = np.array([[1, 1, 1, 0, 0, 0, 0, 1.0]])
    values, _ = group.aucs(said, np.arange(8) < 4)
    assert values[0] == (3 / 4 + 3 / 4) / 2


def test_auc_and_its_error_are_delongs():
    random = np.random.default_rng(5)
    x, y = random.normal(1, 1, 30), random.normal(0, 1, 20)
    values, covariance = group.aucs(np.hstack([x, y])[None], np.arange(50) < 30)
    wins = x[:, None] > y
    assert values[0] == pytest.approx(wins.mean())
    by_hand = wins.mean(1).var(ddof=1) / 30 + wins.mean(0).var(ddof=1) / 20
    assert covariance[0, 0] == pytest.approx(by_hand)


def test_missing_answers_change_little():
    random = np.random.default_rng(6)
    positive = np.arange(60) < 30
    said = (random.random((8, 60)) < np.where(positive, 0.7, 0.4)).astype(float)
    full = group.mean_over_readers(said, positive)
    said[random.random(said.shape) < 0.05] = np.nan
    some = group.mean_over_readers(said, positive)
    assert some["value"] == pytest.approx(full["value"], abs=0.03)
    assert some["se"] == pytest.approx(full["se"], rel=0.3)


@pytest.mark.parametrize("d_prime", [0.0, 1.0, 2.0])
def test_intervals_cover_what_is_true(d_prime):
    n, readers, criterion = 30, 1000, 0.2
    hits, alarms = normal_reader(d_prime, criterion, readers, n, seed=7)
    sensitivity = norm.cdf(d_prime / 2 - criterion)
    specificity = 1 - norm.cdf(-d_prime / 2 - criterion)
    counts = zip(hits, n - hits, alarms, n - alarms, strict=True)
    found = [rates.of_counts(*map(float, each)) for each in counts]

    def covered(name, value):
        return np.mean([one[name]["low"] <= value <= one[name]["high"] for one in found])

    assert covered("sensitivity", sensitivity) == pytest.approx(0.95, abs=0.03)
    assert covered("balanced_accuracy", (sensitivity + specificity) / 2) > 0.925
    assert covered("d_prime", d_prime) == pytest.approx(0.955, abs=0.025)
    middle = np.median([one["d_prime"]["value"] for one in found])
    assert middle == pytest.approx(d_prime, abs=0.1)
    assert np.median([one["criterion"] for one in found]) == pytest.approx(criterion, abs=0.06)


def test_the_groups_interval_covers_where_readers_and_images_vary():
    mean, se, df = simulate(8, 60, reader_sd=0.08, image_sd=0.12, accuracy=0.6, rounds=1500, seed=8)
    inside = np.abs(mean - 0.6) <= t.isf(0.025, df) * se
    assert inside.mean() == pytest.approx(0.95, abs=0.025)
    # Pooling all answers ignores readers and images: it is far too narrow.
    pooled = np.abs(mean - 0.6) <= 1.96 * np.sqrt(mean * (1 - mean) / (8 * 60))
    assert pooled.mean() < 0.85


def test_no_interval_leaves_what_rates_can_be():
    said = np.array([[1, 1, 1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1, 0, 1.0]])
    mean = group.plain_mean(group.mean_over_readers(said, np.arange(8) < 4), 0.05)
    assert (mean["low"], mean["high"]) == (0, 1)


def test_rates_of_nothing_and_of_all():
    assert rates.wilson(0, 0)["value"] is None
    assert rates.wilson(0, 10)["low"] == 0
    assert rates.wilson(10, 10)["high"] == 1
    assert rates.exact(10, 10)["low"] == pytest.approx(0.025**0.1)
    perfect = rates.of_counts(10, 0, 0, 10)
    assert perfect["d_prime"]["value"] > 2
    assert perfect["d_prime_raw"] is None
    one_kind = rates.of_counts(2, 1, 0, 0)
    assert (one_kind["d_prime"]["value"], one_kind["criterion"]) == (None, None)


def test_agreement_against_numbers_by_hand():
    assert agreement.cohen(np.array([1, 1, 0, 0.0]), np.array([1, 0, 0, 0.0])) == pytest.approx(0.5)
    assert agreement.with_itself(np.array([1, 0.0]), np.array([1, np.nan]))["n"] == 1
    # Krippendorff 2011, binary data, two observers, ten units: alpha = .095.
    a = np.array([0, 1, 0, 0, 0, 0, 0, 0, 1, 0.0])
    b = np.array([1, 1, 1, 0, 0, 1, 0, 0, 0, 0.0])
    both = np.stack([a, b])
    alpha = agreement.krippendorff((both == 1).sum(0), (both == 0).sum(0))
    assert alpha == pytest.approx(0.095, abs=5e-4)
    found = agreement.between_readers(both, seed=0, rounds=200)
    assert found["krippendorff_alpha"]["low"] < 0.095 < found["krippendorff_alpha"]["high"]
    # Of two readers, Fleiss' kappa is Scott's pi: (.6 - e) / (1 - e), e = .7² + .3².
    assert found["fleiss_kappa"] == pytest.approx((0.6 - 0.58) / 0.42)
