import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, recall_score

from brainzoo.plugin.intervals import bootstrap, interval
from brainzoo_gantrain.rates import by_subject, rates


def once(n):
    return np.ones((1, n), np.float32)


def scores_of(answers, classes=2):
    return np.eye(classes)[np.asarray(answers)][None]


def test_the_paper_s_definitions():
    """Alam et al., section 4.1: TP / (TP + FN), TN / (TN + FP), 2 Sen Spe / (Sen + Spe)."""
    rng = np.random.default_rng(0)
    truth, answers = rng.integers(0, 2, 200), rng.integers(0, 2, 200)
    tn, fp, fn, tp = confusion_matrix(truth, answers).ravel()
    found = rates(scores_of(answers), truth, once(200), positive=1)
    sen, spe = tp / (tp + fn), tn / (tn + fp)
    assert found.sensitivity[0] == pytest.approx(sen)
    assert found.specificity[0] == pytest.approx(spe)
    assert found.harmonic_mean[0] == pytest.approx(2 * sen * spe / (sen + spe))


def test_the_other_positive_class_swaps_both():
    truth, answers = np.array([0, 0, 0, 1]), [0, 0, 1, 1]
    one, other = (rates(scores_of(answers), truth, once(4), positive=p) for p in (1, 0))
    assert one.sensitivity[0] == other.specificity[0] == 1
    assert one.specificity[0] == other.sensitivity[0] == pytest.approx(2 / 3)


def test_more_classes_are_macro_averages():
    rng = np.random.default_rng(1)
    truth, answers = rng.integers(0, 4, 300), rng.integers(0, 4, 300)
    found = rates(scores_of(answers, 4), truth, once(300), positive=0)
    assert found.sensitivity[0] == pytest.approx(recall_score(truth, answers, average="macro"))
    others = [recall_score(truth != c, answers != c) for c in range(4)]
    assert found.specificity[0] == pytest.approx(np.mean(others))


def test_one_answer_for_all_has_the_harmonic_mean_0():
    found = rates(scores_of([1] * 6), np.array([0, 1] * 3), once(6), positive=1)
    assert (found.sensitivity[0], found.specificity[0], found.harmonic_mean[0]) == (1, 0, 0)


def test_several_classifiers_are_averaged_before_the_harmonic_mean():
    """So that shuffled labels, whose classifiers may each give one answer, come out at chance."""
    both = np.concatenate([scores_of([1] * 6), scores_of([0] * 6)])
    found = rates(both, np.array([0, 1] * 3), once(6), positive=1)
    assert found.harmonic_mean[0] == pytest.approx(0.5)


def test_resamples_count_whole_subjects():
    groups = ["a", "a", "b", "b", "b", "c"]
    weights = bootstrap(groups, seed=0)
    assert (weights[0] == 1).all()
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[1:, [0, 2, 5]].sum(1) == 3).all()


def test_intervals_widen_with_fewer_subjects_not_with_fewer_slices():
    def width(subjects, slices):
        rng = np.random.default_rng(2)
        right = np.repeat(rng.random(subjects) < 0.7, slices)
        truth = np.repeat(np.arange(subjects) % 2, slices)
        answers = np.where(right, truth, 1 - truth)
        weights = bootstrap(list(np.repeat(np.arange(subjects), slices).astype(str)), seed=0)
        ends = interval(rates(scores_of(answers), truth, weights, positive=1).sensitivity)
        return ends.high - ends.low

    assert width(10, 1) == pytest.approx(width(10, 20), abs=1e-6)
    assert width(160, 1) < width(10, 20) / 2


def test_resamples_without_a_class_are_left_out():
    truth = np.array([0, 0, 1])
    weights = bootstrap(["a", "b", "c"], seed=0)
    found = rates(scores_of([0, 0, 1]), truth, weights, positive=1)
    assert np.isnan(found.sensitivity).any()
    assert interval(found.sensitivity) == (1, 1)
    assert interval(np.array([1.0, np.nan])) is None


def test_a_subject_s_answer_is_the_mean_of_its_images():
    scores = np.array([[[0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.0, 1.0]]])
    groups, truth = np.array(["a", "a", "a", "b"]), np.array([0, 0, 0, 1])
    means, classes, weights = by_subject(scores, truth, groups, once(4))
    assert means.shape == (1, 2, 2)
    np.testing.assert_allclose(means[0, 0], [1.7 / 3, 1.3 / 3])
    assert classes.tolist() == [0, 1]
    found = rates(means, classes, weights, positive=1)
    assert found.harmonic_mean[0] == 1  # though two of three images of a were wrong
