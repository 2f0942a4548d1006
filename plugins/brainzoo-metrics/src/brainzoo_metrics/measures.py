"""The measures of one view of three sets (test, synthetic, train), as figures with floors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import MetricValue, Row, subjects_of
from brainzoo_metrics import anatomy, distances, msssim, neighbours, pixels, swd, twosample
from brainzoo_metrics.distances import Vectors
from brainzoo_metrics.resampling import Draws, figure
from brainzoo_metrics.sets import Sets

Pixels = tuple[NDArray[np.float32], ...]
ANY = (0.0, np.inf)
SHARE = (0.0, 1.0)
SEGMENTED = 1000  # images of each set
FEW = 2000  # Bińkowski et al. 2018, section 4: below, bias outweighs what the distance tells


def patch_figures(sets: Sets, seen: Pixels, view: str, seed: int) -> list[MetricValue]:
    """Return the sliced Wasserstein distance of each pyramid level, their mean, and its excess."""
    found, sums = [], [np.zeros(1), np.zeros(1)]
    for level in swd.levels(seen, seed):
        both = [level.draws(0, 1 + i, *pair) for i, pair in enumerate(sets.pairs)]
        sums = [total + draws for total, draws in zip(sums, both, strict=True)]
        detail = f"× 1,000; level of {level.name} pixels, 7 × 7 patches, 128 an image"
        name = f"SWD {level.name}{view}"
        found.append(figure(name, both[0], sets.n, floor=both[1], bounds=ANY, detail=detail))
    mean, floor = (total / len(found) for total in sums)
    detail = "× 1,000; mean of all levels (Karras 2018); falls with n, so compare with its floor"
    above = "× 1,000; mean of all levels minus its floor at the same n; 0: as other real people"
    return [
        figure(f"SWD{view}", mean, sets.n, floor=floor, bounds=ANY, detail=detail),
        figure(f"SWD above floor{view}", mean - floor, sets.n, detail=above),
        *found,
    ]


def likeness_figures(
    sets: Sets, seen: Pixels, view: str, seed: int, pairs: int
) -> list[MetricValue]:
    """Return the MS-SSIM of pairs of synthetic images, beside that of pairs of real people."""
    drawn: list[Draws] = []
    for images, part, weights in zip(
        (sets.test, sets.synthetic), seen[:2], (sets.of_test, sets.of_synthetic), strict=True
    ):
        first, second = msssim.draw_pairs(len(part), pairs, seed, subjects_of(images))
        values = msssim.msssim(part, part, first, second)
        of_pair = weights[:, first] * weights[:, second]
        drawn.append(of_pair @ values / np.maximum(of_pair.sum(1), 1e-9))
    scales = msssim.scales_of(*seen[0].shape[2:])
    detail = (
        f"mean of {pairs} pairs, {scales} of 5 scales; floor: pairs of different test subjects; "
        "above it, synthetic images repeat themselves"
    )
    return [
        figure(
            f"MS-SSIM of pairs{view}", drawn[1], sets.n, floor=drawn[0], bounds=SHARE, detail=detail
        )
    ]


def intensity_figures(sets: Sets, seen: Pixels, view: str) -> list[MetricValue]:
    """Return how far apart the intensities of all pixels are."""
    test, *others = (pixels.histograms(part) for part in seen)
    drawn = [
        pixels.intensity_draws(test, other, *pair)
        for other, pair in zip(others, sets.pairs, strict=True)
    ]
    detail = "Wasserstein distance of all pixels' intensities, percent of the range"
    return [
        figure(
            f"intensity distance{view}",
            drawn[0],
            sets.n,
            floor=drawn[1],
            bounds=ANY,
            detail=detail,
        )
    ]


def feature_figures(
    sets: Sets, vectors: tuple[Vectors, ...], view: str, label: str
) -> list[MetricValue]:
    """Return Fréchet distance (of Inception's features: FID), its ratio to the floor, and KID."""
    test, *others = vectors
    frechet, floor = (
        distances.frechet_draws(test, other, *pair)
        for other, pair in zip(others, sets.pairs, strict=True)
    )
    kernel, kernel_floor = (
        distances.kernel_draws(test, other, *pair)
        for other, pair in zip(others, sets.pairs, strict=True)
    )
    biased = f"; n below {FEW:,}: biased upward, see KID" if sets.n < FEW else ""
    ratio = frechet / np.maximum(floor, 1e-12)
    name = "FID" if label.startswith("inception") else "FD"
    return [
        figure(f"{name}{view}", frechet, sets.n, floor=floor, bounds=ANY, detail=label + biased),
        figure(
            f"relative FD{view}",
            ratio,
            sets.n,
            floor=1.0,
            bounds=ANY,
            detail=f"FD over its floor at the same n; {label}",
        ),
        figure(
            f"KID{view}",
            kernel,
            sets.n,
            floor=kernel_floor,
            detail=f"unbiased, cubic kernel (Bińkowski 2018); {label}",
        ),
    ]


def neighbour_figures(
    sets: Sets, vectors: tuple[Vectors, ...], view: str, label: str, k: int
) -> list[MetricValue]:
    """Return precision, recall, density and coverage."""
    test, *others = vectors
    k = min(k, sets.n - 1)
    found, floor = (
        neighbours.prdc_draws(test, other, k, *pair)
        for other, pair in zip(others, sets.pairs, strict=True)
    )
    return [
        figure(
            f"{name}{view}",
            draws,
            sets.n,
            floor=floor[name],
            bounds=ANY if name == "density" else SHARE,
            detail=f"k = {k}, equal n; {label}",
        )
        for name, draws in found.items()
    ]


def twosample_figures(
    sets: Sets, vectors: tuple[Vectors, ...], name: str, label: str, seed: int
) -> list[MetricValue]:
    """Return how often a classifier tells synthetic from real."""
    test, *others = vectors
    drawn = []
    for images, other, pair in zip(sets.all[1:], others, sets.pairs, strict=True):
        right = twosample.told_apart(test, other, (sets.test_subjects, subjects_of(images)), seed)
        drawn.append(twosample.accuracy_draws(right, *pair))
    detail = f"share told apart by logistic regression, folds by subject, chance 0.5; {label}"
    return [figure(name, drawn[0], sets.n, floor=drawn[1], bounds=SHARE, detail=detail)]


def anatomy_figures(sets: Sets, white: float, seed: int) -> tuple[list[MetricValue], list[Row]]:
    """Return effect sizes of tissue shares and ventricles, and a table of their distributions.

    Of more than 1,000 images of each set, 1,000 are drawn.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(sets.n, min(sets.n, SEGMENTED), replace=False))
    test, *others = (anatomy.measure(images[chosen], white) for images in sets.all)
    pairs = [(a[:, chosen], b[:, chosen]) for a, b in sets.pairs]
    figures: list[MetricValue] = []
    rows: list[Row] = []
    for name, values in test.items():
        signed, floor = (
            anatomy.effect_draws(values, other[name], *pair)
            for other, pair in zip(others, pairs, strict=True)
        )
        unit = "percent" if name != "ventricles" else "cm²" if sets.test.dims == 2 else "ml"
        row: Row = {"what": name, "unit": unit}
        for who, measured in zip(("test", "synthetic", "train"), (test, *others), strict=True):
            low, middle, high = np.quantile(measured[name], [0.05, 0.5, 0.95])
            row[f"{who} median"] = round(float(middle), 2)
            row[f"{who} 5 to 95 %"] = f"{low:.2f} to {high:.2f}"
        row["d"] = round(float(signed[0]), 3)
        rows.append(row)
        figures.append(
            figure(
                f"{name} |d|",
                signed * np.sign(signed[0] or 1.0),
                len(chosen),
                floor=abs(float(floor[0])),
                bounds=(0.0, np.inf),
                detail=f"effect size of {name} in {unit}, synthetic against test "
                f"(d = {signed[0]:+.2f}); intensity classes, no clinical volumetry",
            )
        )
    return figures, rows
