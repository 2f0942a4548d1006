# ruff: noqa: TID253 (imported by the audit only)
"""One pose for all images, so that a copy that was shifted, turned or zoomed lies on its original.

Every image is registered to the mean training image by a similarity transform (shift, rotation,
zoom), whatever image it is compared with later. A misplaced copy shows the same content as its
original, so both come to rest in the same place, and plain correlation finds them. Registering n
images once replaces registering n² pairs, and every pair can then be compared exactly.

Gauss-Newton with the gradients of the template (Baker and Matthews 2004, "Lucas-Kanade 20 years
on", section 3: the inverse compositional algorithm), gain and offset solved along.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.linalg import expm

from brainzoo.api import Images

Array = NDArray[np.float32]
Matrix = NDArray[np.float64]

STAGES = {  # longest side in pixels, smoothing in those pixels, steps of Gauss-Newton at most
    2: ((32, 1.5, 10), (64, 1.0, 6)),
    3: ((16, 1.5, 10), (32, 1.0, 6)),
}
TEMPLATE_IMAGES = 512  # more do not change a mean
LARGEST_SHIFT = 0.2  # of the side; beyond, registration has lost its way
LARGEST_TURN = 0.35  # radians, 20 degrees
LARGEST_ZOOM = 0.3  # of log size
MARGIN = 0.03  # of correlation: twice what a shift of the head changes, in slices of IXI
MOST_WAYS = 2


class Stage(NamedTuple):
    """The template at one resolution, ``(pixel,)``, and what each parameter changes in it."""

    factor: int
    sigma: float
    steps: int
    template: Array
    directions: Array
    ridge: Array
    generators: Matrix


class Pose:
    """The template, and registering to it.

    Args:
        train: The training images; their mean, made symmetric, is the template.
        seed: Chooses which images the template is the mean of, if there are many.

    Attributes:
        mean: The template, ``(channel, *spatial)``.
    """

    def __init__(self, train: Images, seed: int) -> None:
        count = min(len(train), TEMPLATE_IMAGES)
        chosen = np.sort(np.random.default_rng(seed).choice(len(train), count, replace=False))
        pixels = train.floats(chosen)
        self._stages = stages_of(symmetric(pixels.mean(axis=0)))
        # The mean of registered images is sharper, and so is what is registered to it.
        self.mean = symmetric(self.register(pixels).mean(axis=0))
        self._stages = stages_of(self.mean)

    def register(self, pixels: Array) -> Array:
        """Return images ``(image, channel, *spatial)`` in the common pose."""
        return np.stack([self.posed(self.ways(image)[0]) for image in pixels])

    def posed(self, image: Array) -> Array:
        """Return one image ``(channel, *spatial)`` shifted, turned and zoomed onto the template."""
        transform = self.transform(image)
        return np.stack([warp(channel, transform, order=3) for channel in image])

    def ways(self, image: Array) -> list[Array]:
        """Return an image ``(channel, *spatial)`` turned by right angles, the likeliest first.

        A copy that was turned by 90 or 180 degrees, or flipped, comes back to the way its original
        is seen. Axial slices look much the same back to front: every way that is nearly as like
        the template as the best one is returned, too. (Mirror images are compared in the search.)
        """
        stage = self._stages[0]
        small = ndimage.gaussian_filter(pooled(image.mean(axis=0), stage.factor), stage.sigma)
        template = unit(centred_mass(stage.template.reshape(small.shape)))
        seen = unit(centred_mass(small))
        turns = [t for t in quarter_turns(image.ndim - 1) if t(image[0]).shape == image.shape[1:]]
        likeness = np.array([float((turn(seen) * template).sum()) for turn in turns])
        order = np.argsort(-likeness, kind="stable")
        chosen = [i for i in order if likeness[i] >= likeness[order[0]] - MARGIN]
        return [
            np.ascontiguousarray(np.stack([turns[i](channel) for channel in image]))
            for i in chosen[:MOST_WAYS]
        ]

    def transform(self, image: Array) -> Matrix:
        """Return the transform from template to image, homogeneous, about the centre.

        Args:
            image: ``(channel, *spatial)``.
        """
        grey = image.mean(axis=0)
        transform = np.eye(grey.ndim + 1)
        for stage in self._stages:
            smooth = ndimage.gaussian_filter(pooled(grey, stage.factor), stage.sigma)
            transform[:-1, -1] /= stage.factor
            transform = refined(transform, smooth, stage)
            transform[:-1, -1] *= stage.factor
        return transform


def refined(transform: Matrix, image: Array, stage: Stage) -> Matrix:
    """Return a transform after the Gauss-Newton steps of one stage."""
    weights = np.ones(image.size, np.float32)
    for _ in range(stage.steps):
        seen = warp(image, transform, outside=np.nan).ravel()
        weights[np.isnan(seen)] = 0
        difference = np.nan_to_num(seen) - stage.template
        weighted = stage.directions * weights
        normal = weighted @ stage.directions.T + stage.ridge
        solved = np.linalg.lstsq(normal, weighted @ difference, rcond=None)[0]
        # What was cut off, or filled with background, is not a guide: outliers count little.
        left = difference - solved @ stage.directions
        scale = 3 * np.median(np.abs(left)) + 1e-6
        weights = 1 / (1 + (left / scale) ** 2)
        # The gain scales the gradients too: undo it, or dark images overshoot.
        change = solved[:-2].astype(np.float64) / max(0.2, 1 + solved[-2])
        candidate = transform @ np.linalg.inv(expm(np.tensordot(change, stage.generators, 1)))
        if lost(candidate, image.shape):
            break
        transform = candidate
        if np.abs(change).max() < 0.01:
            break
    return transform


def stages_of(mean: Array) -> list[Stage]:
    """Return the stages of registering to ``mean``, ``(channel, *spatial)``, coarse to fine."""
    stages = []
    grey = mean.mean(axis=0)
    for side, sigma, steps in STAGES[grey.ndim]:
        factor = max(1, round(max(grey.shape) / side))
        smooth = ndimage.gaussian_filter(pooled(grey, factor), sigma)
        points = centred(smooth.shape)
        homogeneous = np.concatenate([points, np.ones((1, points.shape[1]))])
        generators = generators_of(smooth.shape)
        gradient = np.stack([g.ravel() for g in np.gradient(smooth)])
        moves = [(gradient * (g[:-1] @ homogeneous)).sum(axis=0) for g in generators]
        directions = np.stack([*moves, smooth.ravel(), np.ones(smooth.size)]).astype(np.float32)
        # A blank template moves nothing; without the ridge it could.
        ridge = 1e-6 * (1 + np.trace(directions @ directions.T)) * np.eye(len(directions))
        stage = Stage(
            factor=factor,
            sigma=sigma,
            steps=steps,
            template=smooth.ravel(),
            directions=directions,
            ridge=ridge.astype(np.float32),
            generators=generators,
        )
        stages.append(stage)
    return stages


def unit(image: Array) -> Array:
    """Return an image with mean 0 and length 1, so that products are correlations."""
    centred = image - image.mean()
    found: Array = centred / max(float(np.linalg.norm(centred)), 1e-6)
    return found


def centred_mass(image: Array) -> Array:
    """Return an image rolled so that its centre of mass is in the middle."""
    mass = float(image.sum())
    if mass <= 0:
        return image
    centre = ndimage.center_of_mass(image)
    shift = [round((n - 1) / 2 - at) for n, at in zip(image.shape, centre, strict=True)]
    rolled: Array = np.roll(image, shift, tuple(range(image.ndim)))
    return rolled


def quarter_turns(dims: int) -> list[Callable[[Array], Array]]:
    """Return all rotations of an image by right angles, the identity first: 4 in 2-D, 24 in 3-D."""

    def turn(order: tuple[int, ...], signs: tuple[int, ...]) -> Callable[[Array], Array]:
        flipped = tuple(axis for axis, sign in enumerate(signs) if sign < 0)
        return lambda image: np.flip(image.transpose(order), flipped)

    return [
        turn(order, signs)
        for order in itertools.permutations(range(dims))
        for signs in itertools.product((1, -1), repeat=dims)
        if round(np.linalg.det(np.eye(dims)[list(order)])) * np.prod(signs) > 0
    ]


def generators_of(shape: tuple[int, ...]) -> Matrix:
    """Return the directions a similarity transform can take, ``(parameter, n + 1, n + 1)``.

    Each of them moves the rim of the image by about one pixel.
    """
    dims = len(shape)
    radius = max(shape) / 2
    directions = []
    for axis in range(dims):
        shift = np.zeros((dims + 1, dims + 1))
        shift[axis, -1] = 1
        directions.append(shift)
    for i, j in itertools.combinations(range(dims), 2):
        turn = np.zeros((dims + 1, dims + 1))
        turn[i, j], turn[j, i] = -1 / radius, 1 / radius
        directions.append(turn)
    directions.append(np.diag([*[1 / radius] * dims, 0.0]))
    return np.stack(directions)


def warp(image: Array, transform: Matrix, order: int = 1, outside: float = 0.0) -> Array:
    """Return the image seen through a transform about its centre."""
    centre = (np.array(image.shape) - 1) / 2
    matrix, shift = transform[:-1, :-1], transform[:-1, -1]
    offset = centre + shift - matrix @ centre
    seen: Array = ndimage.affine_transform(image, matrix, offset, order=order, cval=outside)
    return seen


def lost(transform: Matrix, shape: tuple[int, ...]) -> bool:
    """Return whether a transform is larger than any misplacement that leaves a head a head."""
    if not np.isfinite(transform).all():
        return True
    matrix, shift = transform[:-1, :-1], transform[:-1, -1]
    determinant = float(np.linalg.det(matrix))
    if determinant <= 0:
        return True
    zoom = determinant ** (1 / len(shape))
    cosine = (np.trace(matrix) / zoom - (len(shape) - 2)) / 2
    return bool(
        np.abs(shift / np.array(shape)).max() > LARGEST_SHIFT
        or abs(np.log(zoom)) > LARGEST_ZOOM
        or cosine < np.cos(LARGEST_TURN)
    )


def symmetric(image: Array) -> Array:
    """Return the mean of an image ``(channel, *spatial)`` and its mirror image."""
    mirrored = np.flip(image, 1 + mirror_axis(image.ndim - 1))
    mean: Array = (image + mirrored) * np.float32(0.5)
    return mean


def mirror_axis(dims: int) -> int:
    """Return the spatial axis along which training mirrors: left and right."""
    return 0 if dims == 3 else dims - 1


def pooled(image: Array, factor: int) -> Array:
    """Return means of blocks of ``factor`` pixels a side, padded with background."""
    if factor == 1:
        return image
    padding = [(0, -length % factor) for length in image.shape]
    padded = np.pad(image, padding)
    split = [n for length in padded.shape for n in (length // factor, factor)]
    means: Array = padded.reshape(split).mean(axis=tuple(range(1, 2 * image.ndim, 2)))
    return means


def centred(shape: tuple[int, ...]) -> Matrix:
    """Return the coordinates of all pixels from the image's centre, ``(axis, pixel)``."""
    axes = [np.arange(length) - (length - 1) / 2 for length in shape]
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")])
