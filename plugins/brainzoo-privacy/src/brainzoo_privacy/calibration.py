# ruff: noqa: TID253 (imported by the audit only)
"""When does an image count as a copy? As real people who were not trained on almost never do.

Two measures of an image against the training subjects:

- *similarity* to its nearest training image (:mod:`brainzoo_privacy.search`);
- *lead*: how much more similar the nearest subject is than the second nearest (difference of
  Fisher's z). A copy, even a noisy or blurred one, belongs to one person; an image that is only
  smooth or average is near many. (Carlini 2023, "Extracting training data from diffusion models",
  likewise relates the nearest distance to the next ones.)

Both limits come from real subjects that were not trained on: every training subject in turn plays
that part and is compared with the training images of all others. Subjects are divided at random,
so test subjects are such subjects too, and they check the limits, which they had no part in.
Own slices never count: neighbouring slices of one head are near copies of each other. All depends
on how many are trained on, the limits likewise: they hold for this training set only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats
from scipy.spatial.transform import Rotation

from brainzoo.api import Images
from brainzoo_privacy.pose import Array, generators_of, mirror_axis, warp

CONFIDENCE = 0.95  # that the limits hold, given how few subjects they come from
PLANTED = 100
# Twice what training augments by (brainzoo.plugin.run.TrainConfig): turn, zoom, shift; and noise.
TURN, ZOOM, SHIFT, NOISE = 0.17, 0.06, 0.04, 0.03
BLUR = 0.03  # of the side: a standard deviation of 3.8 of 128 pixels at most


class Limits(NamedTuple):
    """Above either, an image counts as a copy."""

    similarity: float
    lead: float

    def flags(self, similarity: Array, lead: Array) -> NDArray[np.bool_]:
        """Tell which images count."""
        flagged: NDArray[np.bool_] = (similarity > self.similarity) | (lead > self.lead)
        return flagged

    def excess(self, similarity: Array, lead: Array) -> Array:
        """Return how far each image is towards its limits, 1 at either: the order of suspicion."""
        by_similarity = fisher(similarity) / max(float(np.arctanh(self.similarity)), 1e-6)
        by_lead = lead / max(self.lead, 1e-6)
        return np.asarray(np.maximum(by_similarity, by_lead), np.float32)


def fisher(similarity: Array) -> Array:
    """Return Fisher's z, in which differences of correlations mean the same everywhere."""
    clipped: Array = np.clip(similarity, -0.999999, 0.999999).astype(np.float32)
    return np.asarray(np.arctanh(clipped), np.float32)


def lead_of(by_subject: Array) -> Array:
    """Return how far the nearest subject leads the second nearest, in Fisher's z."""
    top = np.partition(by_subject, -2, axis=1)[:, -2:]
    return fisher(top[:, 1]) - fisher(top[:, 0])


def limits(similarity: Array, lead: Array, subjects: int, rate: float) -> Limits:
    """Return the limits that at most a share ``rate`` of images like these exceeds.

    Half of the rate goes to each measure. A limit is the quantile, and at least the one-sided
    tolerance limit at 95 % confidence of the distribution fitted: normal for Fisher's z of the
    similarity (Natrella 1963, as in the NIST/SEMATECH handbook, 7.2.6.3), exponential for the
    lead. Only as many observations as subjects count as independent. Quantiles alone of a few
    dozen subjects would be too low half of the time.
    """
    z = fisher(similarity)
    by_similarity = np.tanh(z.mean() + tolerance_factor(rate / 2, subjects) * z.std())
    longest_mean = lead.mean() * 2 * subjects / stats.chi2.ppf(1 - CONFIDENCE, 2 * subjects)
    return Limits(
        max(float(by_similarity), float(np.quantile(similarity, 1 - rate / 2))),
        max(float(-np.log(rate / 2) * longest_mean), float(np.quantile(lead, 1 - rate / 2))),
    )


def tolerance_factor(rate: float, n: int) -> float:
    """Return how many standard deviations above the mean at most a share ``rate`` lies.

    With 95 % confidence, mean and deviation being those of ``n`` normal observations.
    """
    z, confidence = stats.norm.isf(rate), stats.norm.ppf(CONFIDENCE)
    a = 1 - confidence**2 / (2 * (n - 1))
    b = z**2 - confidence**2 / n
    return float((z + np.sqrt(z**2 - a * b)) / a)


def planted_copies(train: Images, seed: int) -> Images:
    """Return training images misplaced, mirrored, turned, blurred: what must be found."""
    rng = np.random.default_rng(seed)
    count = min(PLANTED, len(train))
    places = np.sort(rng.choice(len(train), count, replace=False))
    copies = train.floats(places)
    for i, image in enumerate(copies):
        copies[i] = misplaced(image, rng)
        if rng.random() < 0.5:
            copies[i] = np.flip(copies[i], 1 + mirror_axis(train.dims))
        if rng.random() < 0.5:
            blur = rng.uniform(0, BLUR) * max(train.spatial)
            copies[i] = ndimage.gaussian_filter(copies[i], (0.0, *[blur] * train.dims))
    copies += rng.normal(0, NOISE, copies.shape).astype(np.float32)
    info = {"synthetic": True}
    return Images(np.clip(copies, 0, 1), [{} for _ in places], info)


def misplaced(image: Array, rng: np.random.Generator) -> Array:
    """Return an image ``(channel, *spatial)`` shifted, zoomed and turned by any angle."""
    shape = image.shape[1:]
    radius = max(shape) / 2
    generators = generators_of(shape)
    sizes = [SHIFT * 2 * radius] * len(shape)
    sizes += [TURN * radius] * (len(generators) - len(shape) - 1) + [ZOOM * radius]
    change = rng.uniform(-1, 1, len(generators)) * sizes
    turn = np.eye(len(shape) + 1)
    if len(shape) == 3:
        turn[:3, :3] = Rotation.random(random_state=rng).as_matrix()
    else:
        turn[:2, :2] = Rotation.from_euler("z", rng.uniform(0, 2 * np.pi)).as_matrix()[:2, :2]
    transform = (np.eye(len(shape) + 1) + np.tensordot(change, generators, 1)) @ turn
    return np.stack([warp(channel, transform) for channel in image])
