"""Figures with known answers, and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from brainzoo.api import bootstrap, interval
from brainzoo_anomaly.measures import (
    auprc,
    auroc,
    best_threshold,
    counts,
    dice,
    found_at,
    image_counts,
    image_scores,
)


@pytest.fixture
def cases():
    rng = np.random.default_rng(0)
    masks = np.zeros((6, 32, 32), bool)
    masks[:, 10:16, 12:20] = True
    regions = np.ones_like(masks)
    regions[:, :4] = False
    return rng.random(masks.shape, np.float32), masks, regions


def test_a_perfect_map_finds_everything(cases):
    _, masks, regions = cases
    maps = masks.astype(np.float32)
    threshold, reached = best_threshold(maps, masks, regions, 1)
    assert reached == 1
    assert dice(found_at(maps, regions, threshold, 1), masks).tolist() == [1] * 6
    positive, negative = (part.sum(0, keepdims=True) for part in counts(maps, masks, regions))
    assert auroc(positive, negative) == 1
    assert auprc(positive, negative) == 1
    assert auroc(negative, positive) == 0


def test_noise_gives_chance(cases):
    maps, masks, regions = cases
    positive, negative = (part.sum(0, keepdims=True) for part in counts(maps, masks, regions))
    share = masks[regions].mean()
    assert auroc(positive, negative)[0] == pytest.approx(0.5, abs=0.05)
    assert auprc(positive, negative)[0] == pytest.approx(share, abs=0.03)
    constant = counts(np.zeros_like(maps), masks, regions)
    assert auroc(*constant) == pytest.approx([0.5] * 6)


@pytest.mark.parametrize("case", [slice(0, 6), slice(2, 3)])
def test_areas_are_those_of_scikit_learn(cases, case):
    maps, masks, regions = cases
    maps = maps + 0.4 * masks
    positive, negative = counts(maps, masks, regions)
    own, truth = maps[case][regions[case]], masks[case][regions[case]]
    positive, negative = (part[case].sum(0, keepdims=True) for part in (positive, negative))
    assert positive.sum() == truth.sum()
    assert auroc(positive, negative)[0] == pytest.approx(roc_auc_score(truth, own), abs=2e-3)
    expected = average_precision_score(truth, own)
    assert auprc(positive, negative)[0] == pytest.approx(expected, abs=5e-3)


def test_images_are_ranked_by_their_highest_voxels(cases):
    maps, masks, regions = cases
    maps = 0.1 * maps
    maps[3:] += masks[3:]
    lesion = np.array([False] * 3 + [True] * 3)
    scores = image_scores(maps, regions)
    assert scores[lesion].min() > scores[~lesion].max()
    counted = (part.sum(0, keepdims=True) for part in image_counts(scores, lesion, ~lesion))
    assert auroc(*counted) == 1
    unknown = image_counts(scores, lesion, np.zeros(6, bool))
    assert np.isnan(auroc(*(part.sum(0, keepdims=True) for part in unknown)))


def test_small_parts_are_dropped_within_each_image_alone():
    maps = np.zeros((2, 16, 16), np.float32)
    maps[0, 2:5, 2:5] = 1  # nine voxels
    maps[1, 2:4, 2:4] = 1  # four, at the same place of the next image
    maps[0, 10, 10] = maps[0, 11, 11] = 1  # two that touch at a corner
    regions = np.ones(maps.shape, bool)
    sizes = {n: found_at(maps, regions, 0.5, n).sum((1, 2)).tolist() for n in (1, 2, 3, 5, 10)}
    assert sizes == {1: [11, 4], 2: [11, 4], 3: [9, 4], 5: [9, 0], 10: [0, 0]}


def test_intervals_of_average_precision_hold_the_truth_though_people_are_few():
    """Twelve people, an image of each with none of four kinds of lesions and with each of them."""
    rng = np.random.default_rng(0)
    people, kinds, gap = 12, 4, 0.5
    labels = np.repeat([False, True], people)

    def scores(n, k):
        own = rng.normal(0, 0.5, n)
        healthy, sick = own + rng.normal(size=n), own + gap + rng.normal(size=(k, n))
        return [np.r_[healthy, one] for one in sick]

    [many] = scores(100_000, 1)
    truth = average_precision_score(np.repeat([False, True], 100_000), many)
    held = {"percentiles": 0, "ours": 0}
    for seed in range(150):
        weights = np.tile(bootstrap([str(i) for i in range(people)], seed=seed, rounds=200), 2)
        found = [
            auprc(*(weights @ part for part in image_counts(one, labels, ~labels)))
            for one in scores(people, kinds)
        ]
        draws = np.mean(found, axis=0)
        low, high = np.quantile(draws[1:], [0.025, 0.975])
        held["percentiles"] += low <= truth <= high
        low, high = interval(draws, bounds=(0, 1), people=people)
        held["ours"] += low <= truth <= high
    assert held["ours"] >= 0.8 * 150
    assert held["ours"] >= held["percentiles"] + 0.1 * 150
