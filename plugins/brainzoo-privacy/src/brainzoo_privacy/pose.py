# ruff: noqa: TID253 (imported by the audit only)
"""One pose for all images, so that a copy that was shifted, turned or zoomed lies on its original.

Every image is registered to the mean training image by a similarity transform (shift, rotation,
zoom), whatever image it is compared with later. A misplaced copy shows the same content as its
original, so both come to rest in the same place, and plain correlation finds them. Registering n
images once replaces registering n² pairs, and every pair can then be compared exactly.

Gauss-Newton with the gradients of the template (Baker and Matthews 2004, "Lucas-Kanade 20 years
on", section 3: the inverse compositional algorithm), blur, gain and offset solved along.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from brainzoo.api import Images

Array = NDArray[np.float32]
Matrix = NDArray[np.float64]

STAGES = {  # longest side in pixels, smoothing in those pixels, steps of Gauss-Newton at most
    2: ((32, 1.5, 10), (64, 1.0, 6)),
    3: ((16, 1.0, 20), (32, 1.0, 8)),
}
TEMPLATE_IMAGES = 128  # each is registered once more; more hardly change a mean
LARGEST_SHIFT = 0.2  # of the side; beyond, registration has lost its way
LARGEST_TURN = 0.7  # radians, 40 degrees, from the turn of the bank
LARGEST_ZOOM = 0.3  # of log size
TURNS = {2: 24, 3: 400}
"""Of the bank: every 15 degrees; in 3-D the nearest of them is 20 degrees away, seldom 30."""
TRIED = 6
NEAR = 0.5  # radians, 29 degrees: from there, registration would end in the same place
MARGIN = 0.003  # of correlation: of slices of IXI, 2 in 100 fit both ways as well as that
BLUR_RIDGE = 0.5


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

    The mean of training images, made symmetric, is the template; if there are many, ``seed``
    chooses.

    Attributes:
        mean: The template, ``(channel, *spatial)``.
    """

    def __init__(self, train: Images, seed: int) -> None:
        count = min(len(train), TEMPLATE_IMAGES)
        chosen = np.sort(np.random.default_rng(seed).choice(len(train), count, replace=False))
        pixels = train.floats(chosen)
        self._stages = stages_of(symmetric(pixels.mean(axis=0)))
        self._bank = bank(train.dims)
        # The mean of registered images is sharper, and so is what is registered to it.
        self.mean = symmetric(self.register(pixels).mean(axis=0))
        self._stages = stages_of(self.mean)

    def register(self, pixels: Array) -> Array:
        """Return images ``(image, channel, *spatial)`` in the common pose."""
        return np.stack([posed(image, self.ways(image)[0]) for image in pixels])

    def ways(self, image: Array) -> list[Matrix]:
        """Return the transforms from template to image, the likeliest first: one, seldom two.

        Homogeneous, about the centre. The likeliest turns of the bank are tried at the coarsest
        stage; the best goes on, and the best of those that point another way: slices look much the
        same back to front. Whichever then fits better is the pose, of an image and of its turned
        copy alike; where both fit equally well, both are returned. (Mirror images are compared in
        the search.)

        Args:
            image: ``(channel, *spatial)``.
        """
        grey = image.mean(axis=0)
        first, *finer = self._stages
        smooth = smoothed(grey, first)
        found: list[tuple[Matrix, Matrix]] = []
        for start in self._starts(smooth):
            if not any(angle(start, transform) < NEAR for _, transform in found):
                found.append((start, refined(start, smooth, first, start)))
        found.sort(key=lambda way: -likeness(smooth, way[1], first.template))
        kept = [found[0], *[way for way in found[1:] if angle(found[0][1], way[1]) > np.pi / 2][:1]]
        for stage in finer:
            smooth, zoom = smoothed(grey, stage), first.factor / stage.factor
            scaled = [(scaled_shift(s, zoom), scaled_shift(t, zoom)) for s, t in kept]
            refined_ways = [refined(t, smooth, stage, s) for s, t in scaled]
            fits = np.array([likeness(smooth, t, stage.template) for t in refined_ways])
            kept = [
                (kept[i][0], scaled_shift(refined_ways[i], 1 / zoom))
                for i in np.argsort(-fits, kind="stable")
                if fits[i] >= fits.max() - MARGIN
            ]
        return [scaled_shift(transform, first.factor) for _, transform in kept]

    def _starts(self, smooth: Array) -> list[Matrix]:
        """Return the turns of the bank about the centre of mass that are most like the template."""
        template = self._stages[0].template.reshape(smooth.shape)
        if not template.any():
            return [np.eye(smooth.ndim + 1)]
        here, there = centre_of_mass(smooth), centre_of_mass(template)
        starts = []
        for turn in self._bank:
            start = turn.copy()
            start[:-1, -1] = here - turn[:-1, :-1] @ there
            starts.append(start)
        fits = np.array([likeness(smooth, start, self._stages[0].template) for start in starts])
        return [starts[i] for i in np.argsort(-fits, kind="stable")[:TRIED]]


def posed(image: Array, transform: Matrix) -> Array:
    """Return an image ``(channel, *spatial)`` as the template lies."""
    return np.stack([warp(channel, transform, order=3) for channel in image])


def smoothed(grey: Array, stage: Stage) -> Array:
    """Return an image as a stage looks at it."""
    found: Array = ndimage.gaussian_filter(pooled(grey, stage.factor), stage.sigma)
    return found


def angle(one: Matrix, other: Matrix) -> float:
    """Return by how much two transforms turn differently, in radians."""
    return turn_of(np.linalg.inv(one) @ other)


def turn_of(transform: Matrix) -> float:
    """Return by how much a transform turns, in radians."""
    matrix = transform[:-1, :-1]
    zoom = max(float(np.linalg.det(matrix)), 1e-9) ** (1 / len(matrix))
    return float(np.arccos(np.clip((np.trace(matrix) / zoom - (len(matrix) - 2)) / 2, -1, 1)))


def refined(transform: Matrix, image: Array, stage: Stage, around: Matrix) -> Matrix:
    """Return a transform after the Gauss-Newton steps of one stage, never far from ``around``."""
    back = np.linalg.inv(around)
    weights = np.ones(image.size, np.float32)
    for _ in range(stage.steps):
        seen = warp(image, transform, outside=np.nan).ravel()
        outside = np.isnan(seen)
        weights[outside] = 0
        difference = np.where(outside, 0, seen) - stage.template
        weighted = stage.directions * weights
        normal = (weighted @ stage.directions.T + stage.ridge).astype(np.float64)
        solved = np.linalg.solve(normal, weighted @ difference).astype(np.float32)
        # What was cut off, or filled with background, is not a guide: outliers count little.
        left = np.abs(difference - solved @ stage.directions)
        scale = 3 * np.partition(left, left.size // 2)[left.size // 2] + np.float32(1e-6)
        weights = 1 / (1 + np.square(left / scale))
        # The gain scales the gradients too: undo it, or dark images overshoot.
        change = solved[:-3].astype(np.float64) / max(0.2, 1 + solved[-2])
        move = change @ stage.generators.reshape(len(change), -1)
        candidate = transform @ exponential(-move.reshape(transform.shape))
        if lost(back @ candidate, image.shape):
            break
        transform = candidate
        if np.abs(change).max() < 0.01:
            break
    return transform


def exponential(matrix: Matrix) -> Matrix:
    """Return the exponential of a small matrix: its series takes less than scipy's."""
    if not np.abs(matrix).sum() < 1:
        return np.asarray(expm(matrix))
    term = result = np.eye(len(matrix))
    for number in range(1, 13):  # what is left out is a ten-billionth
        term = term @ matrix / number
        result = result + term
    return result


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
        # Blur, gain and offset are solved along; else a blurred head would rest a little larger.
        blur = ndimage.laplace(smooth).ravel()
        directions = np.stack([*moves, blur, smooth.ravel(), np.ones(smooth.size)])
        directions = directions.astype(np.float32)
        # A blank template moves nothing; without the ridge it could.
        ridge = 1e-6 * (1 + np.trace(directions @ directions.T)) * np.eye(len(directions))
        ridge[-3, -3] += BLUR_RIDGE * float(blur @ blur)  # a sharp head is no template unblurred
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


def likeness(image: Array, transform: Matrix, template: Array) -> float:
    """Return how like the template an image is through a transform: correlation of what is seen.

    What lies outside of the image, below a neck that was cut off, is no difference.
    """
    seen = warp(image, transform, outside=np.nan).ravel()
    inside = np.isfinite(seen)
    seen, template = seen[inside], template.ravel()[inside]
    if not len(seen):
        return 0.0
    seen, template = seen - seen.mean(), template - template.mean()
    return float(seen @ template / max(np.sqrt((seen @ seen) * (template @ template)), 1e-12))


def centre_of_mass(image: Array) -> Matrix:
    """Return where the mass of an image is, from its centre; nowhere else if it has none."""
    middle = (np.array(image.shape) - 1) / 2
    if float(image.sum()) <= 0:
        return np.zeros(image.ndim)
    return np.asarray(ndimage.center_of_mass(image)) - middle


def scaled_shift(transform: Matrix, factor: float) -> Matrix:
    """Return a transform of an image whose pixels are smaller by a factor."""
    scaled = transform.copy()
    scaled[:-1, -1] *= factor
    return scaled


def bank(dims: int) -> list[Matrix]:
    """Return turns about the centre, homogeneous, that leave no other turn far from all of them."""
    if dims == 2:
        angles = np.linspace(0, 360, TURNS[2], endpoint=False)[:, None]
        turns = Rotation.from_euler("z", angles, degrees=True).as_matrix()[:, :2, :2]
    else:  # evenly over the sphere of quaternions: Alexa 2022, "Super-Fibonacci spirals"
        step = np.arange(TURNS[3]) + 0.5
        share = step / TURNS[3]
        inner, outer = 2 * np.pi * step / np.sqrt(2), 2 * np.pi * step / 1.533751168755204288118041
        small, large = np.sqrt(share), np.sqrt(1 - share)
        spiral = [small * np.sin(inner), small * np.cos(inner),
                  large * np.sin(outer), large * np.cos(outer)]  # fmt: skip
        right = Rotation.create_group("O")  # exactly, since copies are turned so most often
        turns = Rotation.concatenate([right, Rotation.from_quat(np.stack(spiral, 1))]).as_matrix()
    found = []
    for turn in turns:
        whole = np.eye(dims + 1)
        whole[:-1, :-1] = turn
        found.append(whole)
    return found


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
    return bool(
        np.abs(shift / np.array(shape)).max() > LARGEST_SHIFT
        or abs(np.log(zoom)) > LARGEST_ZOOM
        or turn_of(transform) > LARGEST_TURN
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
