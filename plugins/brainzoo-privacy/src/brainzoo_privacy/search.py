# ruff: noqa: TID253 (imported by the audit only)
"""Every image against every other, exactly: blocks of float32 matrix products.

Images in one pose (:mod:`brainzoo_privacy.pose`) become unit vectors of what sets them apart from
the mean training image: two bands of scales (no noise, no slow shading), the mean projected out.
The product of two vectors is the correlation of what is individual in them. Split into the parts
that mirroring keeps and turns round, one product of the usual cost answers for both ways round:
<a, b> = even + odd and <mirrored a, b> = even - odd, so the larger is even + |odd|.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from brainzoo.api import Images, console
from brainzoo_privacy.pose import Array, Pose, mirror_axis, pooled, posed


class Band(NamedTuple):
    """Scales that are compared, in parts of the image's side.

    Attributes:
        fine: Standard deviation of the Gaussian that takes finer details away.
        coarse: That of the Gaussian that leaves the slow shading, which is subtracted.
        blurred: How blurred a query is taken to be: it is smoothed by that much less, so that both
            sides are equally blurred in the end.
    """

    fine: float
    coarse: float
    blurred: float = 0.0

    def of_query(self) -> Band:
        """Return the scales for images that are blurred already."""
        return Band(float(np.sqrt(self.fine**2 - self.blurred**2)), self.coarse)

    def factor(self, side: int) -> int:
        """Return by how much images may be shrunk without losing what is kept."""
        return 1 << max(0, int(np.log2(self.coarse * side / LEAST_COARSE_PIXELS)))


BANDS = (Band(0.01, 0.06), Band(0.03, 0.12, 0.015), Band(0.06, 0.2, 0.045))
"""From a sharp copy to one that is blurred by 6 % of the side."""
LEAST_SIGMA_PIXELS = 0.7  # below, interpolation has left nothing comparable
LEAST_COARSE_PIXELS = 6.0
CHUNK = 64
ROWS, COLUMNS = 1024, 2048  # of a block of pairs: 8 MiB of similarities


@dataclasses.dataclass(frozen=True)
class Vectors:
    """Unit vectors of images, one of each or more.

    Attributes:
        even: ``(row, value)``: the part that is the same in the mirror.
        odd: The part that changes its sign.
        image: Which image each row is of, ascending, the likeliest pose first; ``None`` where every
            image has one row.
    """

    even: Array
    odd: Array
    image: NDArray[np.intp] | None = None

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def starts(self) -> NDArray[np.intp]:
        """The first row of each image."""
        if self.image is None:
            return np.arange(len(self.even))
        return np.flatnonzero(np.r_[True, self.image[1:] != self.image[:-1]])

    @property
    def likeliest(self) -> Vectors:
        """One row of each image, to be found by others."""
        return Vectors(self.even[self.starts], self.odd[self.starts])


@dataclasses.dataclass(frozen=True)
class Neighbours:
    """What a search found.

    Attributes:
        by_subject: Highest similarity of each query to any reference image of each subject,
            ``(query, subject)``; -1 where that is the query's own subject.
        nearest: Position of the most similar reference image of each query.
        of_reference: Highest similarity of each reference image to any query.
    """

    by_subject: Array
    nearest: NDArray[np.intp]
    of_reference: Array

    @property
    def similarity(self) -> Array:
        """Similarity of each query to its nearest reference image."""
        best: Array = self.by_subject.max(axis=1)
        return best


class Seen(NamedTuple):
    """Images in one band: as they are looked for, and as they are found."""

    query: Vectors
    reference: Vectors


class Individuality:
    """Turns images into vectors of what is individual in them."""

    def __init__(self, pose: Pose) -> None:
        self.pose = pose

    def vectors(self, images: Images, name: str) -> list[Seen]:
        """Return the vectors of images in each band, registered once; ``name`` is for progress."""
        parts: list[list[Vectors]] = [[] for _ in range(2 * len(BANDS))]
        wanted = [(scales, band) for band in BANDS for scales in (band.of_query(), band)]
        image: list[int] = []
        with console.progress(f"registering {name}", len(images)) as advance:
            for start in range(0, len(images), CHUNK):
                pixels = images.floats(np.arange(start, min(start + CHUNK, len(images))))
                ways = [self.pose.ways(one) for one in pixels]
                image += [start + i for i, found in enumerate(ways) for _ in found]
                rest = np.stack(
                    [posed(pixels[i], way) for i, found in enumerate(ways) for way in found]
                )
                for own, scales in zip(parts, wanted, strict=True):
                    own.append(self.of_posed(rest, *scales))
                advance(len(pixels))
        rows = np.asarray(image, np.intp)
        joined = [
            Vectors(
                np.concatenate([v.even for v in own]), np.concatenate([v.odd for v in own]), rows
            )
            for own in parts
        ]
        return [Seen(joined[i], joined[i + 1].likeliest) for i in range(0, len(joined), 2)]

    def of_posed(self, pixels: Array, scales: Band = BANDS[0], common: Band = BANDS[0]) -> Vectors:
        """Return the vectors of images that are in the common pose.

        Args:
            pixels: ``(image, channel, *spatial)``.
            scales: What is kept of them.
            common: What is then seen of them: blurred queries show less of what all have in common.
        """
        seen, mean = within(pixels, scales), within(self.pose.mean[None], common)[0]
        axes = tuple(range(1, seen.ndim))
        energy = float((mean**2).sum())
        if energy > 0:
            seen = seen - (seen * mean).sum(axis=axes, keepdims=True) / energy * mean
        length = np.sqrt((seen**2).sum(axis=axes, keepdims=True))
        return even_and_odd(seen / np.maximum(length, 1e-6))


def within(pixels: Array, scales: Band) -> Array:
    """Return images ``(image, channel, *spatial)`` without noise and without slow shading."""
    side = max(pixels.shape[2:])
    axes = tuple(range(2, pixels.ndim))
    factor = scales.factor(side)
    small = np.stack([[pooled(channel, factor) for channel in image] for image in pixels])
    sigma = max(scales.fine * side / factor, LEAST_SIGMA_PIXELS)
    fine = ndimage.gaussian_filter(small, sigma, axes=axes)
    coarse = ndimage.gaussian_filter(small, max(scales.coarse * side / factor, 2.0), axes=axes)
    kept: Array = fine - coarse
    return kept


def even_and_odd(pixels: Array) -> Vectors:
    """Split images ``(image, channel, *spatial)`` into their parts under mirroring.

    The products of both parts sum to the product of the images.
    """
    axis = 2 + mirror_axis(pixels.ndim - 2)
    images = np.moveaxis(pixels, axis, -1)
    length = images.shape[-1]
    half = length // 2
    left, right = images[..., :half], images[..., length - half :][..., ::-1]
    even, odd = (left + right) / np.sqrt(2), (left - right) / np.sqrt(2)
    count = len(pixels)
    middle = images[..., half : length - half].reshape(count, -1)  # a column, if length is odd
    even = np.concatenate([even.reshape(count, -1), middle], axis=1)
    return Vectors(even.astype(np.float32), odd.reshape(count, -1).astype(np.float32))


def search(
    queries: Vectors,
    references: Vectors,
    subjects: Sequence[str],
    *,
    own: Sequence[str] | None = None,
    name: str = "",
) -> Neighbours:
    """Compare every query with every reference image; nothing is approximated or left out.

    ``subjects`` are those of the references; with ``own``, those of the queries, no query is
    compared with images of its own subject.
    """
    codes = {subject: code for code, subject in enumerate(dict.fromkeys(subjects))}
    of_reference = np.array([codes[subject] for subject in subjects])
    of_query = np.array([codes.get(subject, -1) for subject in own or [""] * len(queries)])
    count = len(queries.even)
    if queries.image is not None:
        of_query = of_query[queries.image]
    order = np.argsort(of_reference, kind="stable")  # a subject's images side by side
    even, odd, of_sorted = references.even[order], references.odd[order], of_reference[order]

    by_subject = np.full((count, len(codes)), -1, np.float32)
    best = np.full(count, -2, np.float32)
    nearest = np.zeros(count, np.intp)
    best_of_reference = np.full(len(references), -1, np.float32)
    with console.progress(f"comparing {name}", count * len(references)) as advance:
        for top in range(0, count, ROWS):
            rows = slice(top, top + ROWS)
            for left in range(0, len(references), COLUMNS):
                columns = slice(left, left + COLUMNS)
                block = queries.odd[rows] @ odd[columns].T
                np.abs(block, out=block)
                block += queries.even[rows] @ even[columns].T
                if own is not None:
                    block[of_query[rows, None] == of_sorted[None, columns]] = -1
                here = of_sorted[columns]
                first = np.flatnonzero(np.r_[True, here[1:] != here[:-1]])
                grouped = np.maximum.reduceat(block, first, axis=1)
                found = by_subject[rows, here[first]]
                by_subject[rows, here[first]] = np.maximum(found, grouped)
                place = block.argmax(axis=1)
                value = block[np.arange(len(block)), place]
                better = value > best[rows]
                nearest[rows] = np.where(better, order[left + place], nearest[rows])
                best[rows] = np.maximum(value, best[rows])
                at = order[columns]
                best_of_reference[at] = np.maximum(best_of_reference[at], block.max(axis=0))
                advance(block.size)
    starts = queries.starts  # of several poses of an image, the most similar counts
    by_subject = np.maximum.reduceat(by_subject, starts, axis=0)
    of_row = np.arange(count) if queries.image is None else queries.image
    nearest = nearest[np.lexsort((-best, of_row))[starts]]
    return Neighbours(by_subject, nearest, best_of_reference)
