"""Pairs/s of the privacy audit's exact search, against scikit-learn and a loop over images.

    python tests/benchmarks/privacy.py [--images 2000] [--size 128] [--repeats 3]

All find, for each of n images, the most correlated of n others, mirrored or not, over all pixels.
scikit-learn searches twice (direct and mirrored), by brute force, as its manual recommends for many
dimensions. The loop is what a tutorial shows: one product of a row with all others. The time of
10,000 × 10,000 is extrapolated from pairs/s: the work is proportional to the pairs. Last comes what
the audit does of it: each image registered once and seen in three bands of scales, and a search in
each; on made-up heads, or on images of one's own (--folder). Seconds are those of the processor, of
one thread.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from brainzoo.api import Images
from brainzoo.testing.heads import make_images
from brainzoo_privacy.pose import Pose
from brainzoo_privacy.search import Individuality, Vectors, even_and_odd, search

TARGET = 10_000
REGISTERED = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="prepared images for the last figure")
    given = parser.parse_args()
    with threadpool_limits(1):
        compare(given)
        audit(given)


def compare(given: argparse.Namespace) -> None:
    rng = np.random.default_rng(0)
    shape = (given.images, 1, given.size, given.size)
    queries, references = (normalised(rng.normal(size=shape)) for _ in range(2))
    subjects = [str(i // 7) for i in range(given.images)]
    ways = {
        "brainzoo": lambda: brainzoo(queries, references, subjects),
        "scikit-learn": lambda: scikit_learn(queries, references),
        "loop": lambda: loop(queries, references),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    found = {}
    for _ in range(given.repeats):
        for name, way in ways.items():  # interleaved: a busy machine slows all alike
            started = time.process_time()
            found[name], pairs = way()
            rates[name].append(pairs / (time.process_time() - started))
    same = min((found["brainzoo"][: len(f)] == f).mean() for f in found.values())
    print(f"{given.images} x {given.images} images of {given.size} x {given.size}, both ways round")
    for name, measured in rates.items():
        rate = statistics.median(measured)
        print(
            f"{name:13} {rate:12,.0f} pairs/s ({min(measured):,.0f} to {max(measured):,.0f}); "
            f"{TARGET:,} x {TARGET:,}: {TARGET**2 / rate / 60:.1f} minutes"
        )
    print(f"same nearest image: {same:.1%}")


def normalised(pixels: np.ndarray) -> np.ndarray:
    length = np.sqrt((pixels**2).sum(axis=(1, 2, 3), keepdims=True))
    return (pixels / length).astype(np.float32)


def brainzoo(
    queries: np.ndarray, references: np.ndarray, subjects: list[str]
) -> tuple[np.ndarray, int]:
    """Search as the audit does, splitting into halves included."""
    found = search(even_and_odd(queries), even_and_odd(references), subjects)
    return found.nearest, len(queries) * len(references)


def scikit_learn(queries: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, int]:
    flat = references.reshape(len(references), -1)
    neighbours = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(flat)
    results = [
        neighbours.kneighbors(np.ascontiguousarray(images).reshape(len(images), -1))
        for images in (queries, queries[..., ::-1])
    ]
    (direct, i), (mirrored, j) = results
    return np.where(direct <= mirrored, i, j)[:, 0], len(queries) * len(references)


def loop(queries: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, int]:
    """Compare a part of the queries one by one; more would take long and say the same."""
    flat = references.reshape(len(references), -1)
    some = queries[: max(1, len(queries) // 20)]
    nearest = []
    for image in some:
        direct, mirrored = flat @ image.ravel(), flat @ image[..., ::-1].ravel()
        nearest.append(np.maximum(direct, mirrored).argmax())
    return np.array(nearest), len(some) * len(references)


def audit(given: argparse.Namespace) -> None:
    """Print what 10,000 × 10,000 images take, registered and compared in all bands."""
    with tempfile.TemporaryDirectory() as folder:
        if given.folder:
            images = Images.open(given.folder)
        else:
            heads = Path(folder) / "heads"
            images = make_images(heads, spatial=(given.size, given.size), subjects=100)
        individuality = Individuality(Pose(images, 0))
        some = images[np.arange(min(len(images), REGISTERED))]
        started = time.process_time()
        seen = individuality.vectors(some, "images")
        registering = (time.process_time() - started) / len(some)
    subjects = [str(i // 7) for i in range(given.images)]
    rows = np.arange(given.images) % len(some)
    searching = 0.0
    for band in seen:
        one = band.reference
        many = Vectors(one.even[rows], one.odd[rows])
        started = time.process_time()
        search(many, many, subjects)
        searching += (time.process_time() - started) / given.images**2
    total = 2 * TARGET * registering + TARGET**2 * searching
    print(
        f"registered, seen in three bands: {1000 * registering:.1f} ms an image; compared in all "
        f"three: {1 / searching:,.0f} pairs/s\n{TARGET:,} x {TARGET:,} with registration: "
        f"{total:.0f} s of processor time; {total / 120:.1f} minutes on two cores"
    )


if __name__ == "__main__":
    main()
