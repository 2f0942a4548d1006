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
from contextlib import closing
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from threadpoolctl import threadpool_limits

from brainzoo.api import Images, console, processes
from brainzoo_privacy.blocks import ROWS, Compared, Neighbours
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
        parts: list[list[Vectors]] = []
        ways: list[int] = []
        chunks = processes.Made(
            -(-len(images) // CHUNK),
            lambda i: images.floats(np.arange(i * CHUNK, min((i + 1) * CHUNK, len(images)))),
        )
        with (
            console.progress(f"registering {name}", len(images)) as advance,
            closing(processes.each(self._registered, chunks)) as results,
        ):
            for counts, made in results:
                ways += counts
                parts.append(made)
                advance(len(counts))
        rows = np.repeat(np.arange(len(images)), ways)
        joined = [
            Vectors(
                np.concatenate([v.even for v in own]), np.concatenate([v.odd for v in own]), rows
            )
            for own in zip(*parts, strict=True)
        ]
        return [Seen(joined[i], joined[i + 1].likeliest) for i in range(0, len(joined), 2)]

    def _registered(self, pixels: Array) -> tuple[list[int], list[Vectors]]:
        """Return in how many poses each image is, and their vectors in all scales."""
        with threadpool_limits(1):
            ways = [self.pose.ways(one) for one in pixels]
            rest = np.stack(
                [posed(pixels[i], way) for i, found in enumerate(ways) for way in found]
            )
            wanted = [(scales, band) for band in BANDS for scales in (band.of_query(), band)]
            return [len(found) for found in ways], [self.of_posed(rest, *one) for one in wanted]

    def of_posed(self, pixels: Array, scales: Band = BANDS[0], common: Band = BANDS[0]) -> Vectors:
        """Return the vectors of images ``(image, channel, *spatial)`` that are in the common pose.

        ``scales`` are kept of them, ``common`` of what all have in common: blurred queries show
        less of it.
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
    of_query = np.full(len(queries.even), -1)
    if own is not None:
        of_query = np.array([codes.get(subject, -1) for subject in own])
        of_query = of_query if queries.image is None else of_query[queries.image]
    order = np.argsort(of_reference, kind="stable")  # a subject's images side by side
    compared = Compared(
        {
            "even": queries.even,
            "odd": queries.odd,
            "of_query": of_query,
            "to_even": references.even[order],
            "to_odd": references.odd[order],
            "of_reference": of_reference[order],
        }
    )
    found: list[Neighbours] = []
    with (
        console.progress(f"comparing {name}", len(of_query) * len(references)) as advance,
        closing(compared),
        closing(processes.each(compared.rows, range(0, len(of_query), ROWS))) as results,
    ):
        for block in results:
            found.append(block)
            advance(len(block.nearest) * len(references))
    by_row, nearest = (np.concatenate(parts) for parts in list(zip(*found, strict=True))[:2])
    of_reference_best = np.empty(len(references), np.float32)
    of_reference_best[order] = np.max([block.of_reference for block in found], axis=0)
    starts = queries.starts  # of several poses of an image, the most similar counts
    of_row = np.arange(len(by_row)) if queries.image is None else queries.image
    chosen = np.lexsort((-by_row.max(axis=1), of_row))[starts]
    by_subject = np.maximum.reduceat(by_row, starts, axis=0)
    return Neighbours(by_subject, order[nearest[chosen]], of_reference_best)
