"""All values of all scores: on all lesions, by kind and by width, with intervals over subjects."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from brainzoo.api import bootstrap, console, interval
from brainzoo_anomaly.cases import Cases
from brainzoo_anomaly.config import AnomalyConfig
from brainzoo_anomaly.measures import (
    Numbers,
    auprc,
    auroc,
    best_threshold,
    counts,
    dice,
    found_at,
    image_counts,
    image_scores,
    weighted_mean,
)
from brainzoo_anomaly.regions import Bools, Floats
from brainzoo_anomaly.scoring import Maps

ALL = "all lesions"
ORACLE, VALIDATION = "Dice, oracle threshold", "Dice, validation threshold"
PERCENTILE = "Dice, healthy percentile"
AUROC_VOXELS, AUPRC_VOXELS = "AUROC, voxels", "AUPRC, voxels"
AUROC_IMAGES, AUPRC_IMAGES = "AUROC, images", "AUPRC, images"
MEASURES = {
    ORACLE: "mean over images at the one threshold that is best for the test images themselves",
    VALIDATION: "mean over images at a threshold chosen on other subjects",
    PERCENTILE: "mean over images at a threshold that knows no lesions",
    AUROC_VOXELS: "voxels of images with lesions; chance 0.5",
    AUPRC_VOXELS: "voxels of images with lesions",
    AUROC_IMAGES: "images with against images without a lesion, mean over kinds; chance 0.5",
    AUPRC_IMAGES: "images with against images without a lesion, mean over kinds",
}
"""What is measured, and of what."""


@dataclasses.dataclass(frozen=True)
class Scored:
    """What one score finds; ``rounds`` hold each value, then that of each resampling."""

    name: str
    own: bool  # the model's, and no baseline
    rounds: Mapping[tuple[str, str], Numbers]  # by group of lesions and measure
    threshold: float  # chosen on validation subjects
    validation: float  # the mean Dice coefficient there
    people: int  # test subjects
    alarms: float  # share of the healthy test images' voxels above it, in percent

    def value(self, measure: str, group: str = ALL) -> float:
        """Return what was measured."""
        return float(self.rounds[group, measure][0])

    def interval(self, measure: str, group: str = ALL) -> tuple[float | None, float | None]:
        """Return the 95 % interval over subjects."""
        rounds = self.rounds[group, measure]
        return interval(rounds, bounds=(0.0, 1.0), people=self.people) or (None, None)


def groups_of(cases: Cases) -> dict[str, Bools]:
    """Return which cases belong to each group of lesions: all, each kind, each width."""
    groups = {ALL: ~cases.healthy}
    kinds = list(dict.fromkeys(cases.kinds[~cases.healthy].tolist()))
    groups |= {kind: cases.kinds == kind for kind in kinds}
    for width in sorted(set(cases.widths[~cases.healthy].tolist())):
        groups[f"{100 * width:g} % wide"] = cases.widths == width
    return groups


def study(
    test: Cases,
    test_maps: Maps,
    validation: Cases,
    validation_maps: Maps,
    own: list[str],
    config: AnomalyConfig,
    seed: int,
) -> list[Scored]:
    """Measure every score; thresholds are chosen on the cases of ``validation``."""
    weights = bootstrap(test.subjects, seed=seed, rounds=config.rounds)
    scored = []
    with console.progress("measuring scores", len(test_maps)) as advance:
        for name in test_maps:
            maps, sick = validation_maps[name], ~validation.healthy
            threshold, reached = best_threshold(
                maps[sick], validation.masks[sick], validation.regions[sick], config.least_pixels
            )
            healthy = maps[~sick][validation.regions[~sick]]
            percentile = float(np.percentile(healthy, config.percentile))
            thresholds = {VALIDATION: threshold, PERCENTILE: percentile}
            rounds = _rounds(test, test_maps[name], thresholds, weights, config)
            fine = test.healthy
            alarms = found_at(
                test_maps[name][fine], test.regions[fine], threshold, config.least_pixels
            )
            share = 100 * alarms.sum() / test.regions[fine].sum()
            known = dict(rounds), threshold, reached, len(set(test.subjects)), float(share)
            scored.append(Scored(name, name in own, *known))
            advance(1)
    return scored


def _rounds(
    cases: Cases,
    maps: Floats,
    thresholds: Mapping[str, float],
    weights: Numbers,
    config: AnomalyConfig,
) -> Iterator[tuple[tuple[str, str], Numbers]]:
    """Yield the value and the resamplings of every measure for every group of lesions."""
    least, sick, healthy = config.least_pixels, ~cases.healthy, cases.healthy
    oracle, _ = best_threshold(maps[sick], cases.masks[sick], cases.regions[sick], least)
    at = {
        name: dice(found_at(maps, cases.regions, threshold, least), cases.masks)
        for name, threshold in {ORACLE: oracle, **thresholds}.items()
    }
    # The best of the thresholds that were tried; those chosen elsewhere were tried, too.
    at[ORACLE] = max(at.values(), key=lambda values: values[sick].mean())
    voxels = counts(maps, cases.masks, cases.regions)
    scores = image_scores(maps, cases.regions)
    groups = groups_of(cases)
    of_kinds: dict[str, list[Numbers]] = {AUROC_IMAGES: [], AUPRC_IMAGES: []}
    for group, members in groups.items():
        own = weights * members
        for name, values in at.items():
            yield (group, name), weighted_mean(values, own)
        positive, negative = own @ voxels[0], own @ voxels[1]
        yield (group, AUROC_VOXELS), auroc(positive, negative)
        yield (group, AUPRC_VOXELS), auprc(positive, negative)
        if group == ALL:
            continue
        positive, negative = (weights @ part for part in image_counts(scores, members, healthy))
        yield (group, AUROC_IMAGES), auroc(positive, negative)
        if group in cases.kinds:
            of_kinds[AUROC_IMAGES].append(auroc(positive, negative))
            of_kinds[AUPRC_IMAGES].append(auprc(positive, negative))
    for name, found in of_kinds.items():
        # Each kind by itself beside the healthy images: chance stays where readers expect it.
        yield (ALL, name), np.mean(found, 0)
