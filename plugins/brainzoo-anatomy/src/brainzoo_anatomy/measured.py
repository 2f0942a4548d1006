"""The regions of many heads, each segmented once: they are kept by fingerprint and weights."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from brainzoo.api import Images, Value, console, home, write_bytes
from brainzoo_anatomy import segmentation
from brainzoo_anatomy.meshnet import MeshNet
from brainzoo_anatomy.regions import BRAIN, NAMES, PAIRED, numbers_of, volumes_ml

FORMAT = 1
"""Raised when the same weights give other volumes than before, so that old caches are unused."""

SAVED_EVERY = 8  # heads
DEEP = slice(NAMES.index("thalamus"), NAMES.index("pallidum") + 1)


@dataclasses.dataclass(frozen=True)
class Measured:
    """What was measured of some heads.

    Attributes:
        sides: ``(image, region, 2)``: ml on the left and on the right, in the order of ``NAMES``.
        whole: ``(image,)``: the share of what was found that hangs together.
        planes: ``(image, x, y)``: classes of the axial plane with most deep grey matter, at 1 mm.
        levels: ``(image,)``: where that plane is, as a share of the head's height.
        table: The images' rows.
    """

    sides: NDArray[np.float64]
    whole: NDArray[np.float64]
    planes: NDArray[np.uint8]
    levels: NDArray[np.float64]
    table: Sequence[dict[str, Value]]

    def __len__(self) -> int:
        return len(self.whole)

    @property
    def ml(self) -> NDArray[np.float64]:
        """Volumes ``(image, region)`` in ml."""
        summed: NDArray[np.float64] = self.sides.sum(2)
        return summed

    @property
    def shares(self) -> NDArray[np.float64]:
        """Volumes ``(image, region)`` in percent of the brain's."""
        return 100 * self.ml / np.maximum(self.ml[:, [NAMES.index(BRAIN)]], 1e-6)

    @property
    def asymmetry(self) -> NDArray[np.float64]:
        """How much larger the left side is ``(image, paired region)``, in percent of the mean."""
        sides = self.sides[:, [NAMES.index(name) for name in PAIRED]]
        difference = 200 * (sides[..., 0] - sides[..., 1])
        relative: NDArray[np.float64] = difference / np.maximum(sides.sum(2), 1e-6)
        return relative

    @property
    def ages(self) -> NDArray[np.float64]:
        """Years ``(image,)``, NaN where nobody knows."""
        found = [row.get("age") for row in self.table]
        return np.array([a if isinstance(a, int | float) else np.nan for a in found], np.float64)


def measure(network: MeshNet, images: Images, name: str) -> Measured:
    """Segment heads, or take from the cache what was segmented before.

    Args:
        network: Says what each voxel is.
        images: Volumes; of their channels, the first T1w one is looked at.
        name: What the heads are called beside the progress.
    """
    path = _cache(network, images)
    known = _read(path)
    places = [int(place) for place in images.positions]
    missing = [(i, place) for i, place in enumerate(places) if place not in known]
    made = _segmented(network, images, [i for i, _ in missing])
    try:
        with console.progress(f"segmenting {name} heads", len(missing), unit="heads") as advance:
            for number, (_, place) in enumerate(missing):
                known[place] = next(made)
                advance(1)
                if number % SAVED_EVERY == SAVED_EVERY - 1:
                    _write(path, known)
    finally:
        if missing:
            _write(path, known)
    rows = [known[place] for place in places]
    return Measured(
        np.stack([row["sides"] for row in rows]),
        np.array([row["whole"] for row in rows]),
        np.stack([row["plane"] for row in rows]),
        np.array([row["level"] for row in rows]),
        images.table,
    )


def t1_channel(images: Images) -> int | None:
    """Return which channel is T1-weighted, the first of them."""
    names = images.channel_names
    return next((i for i, name in enumerate(names) if name.upper().startswith("T1")), None)


Row = dict[str, NDArray[np.generic]]


def _segmented(network: MeshNet, images: Images, chosen: Sequence[int]) -> Iterator[Row]:
    channel, spacing = t1_channel(images) or 0, images.info["spacing_mm"]
    numbers = numbers_of(network.weights.classes)
    deep = [number for of in numbers[DEEP] for number in of]
    for i in chosen:  # one at a time: a head of 1 mm fills memory
        image = images.floats([i])[0, channel]
        labels, whole = segmentation.segment(network, image, spacing)
        voxel_ml = float(np.prod(np.multiply(image.shape, spacing) / labels.shape)) / 1000
        level = int(np.isin(labels, deep).sum((0, 1)).argmax()) or labels.shape[2] // 2
        yield {
            "sides": volumes_ml(labels, numbers, voxel_ml),
            "whole": np.asarray(whole, np.float64),
            "plane": labels[:, :, level],
            "level": np.asarray((level + 0.5) / labels.shape[2], np.float64),
        }


def _cache(network: MeshNet, images: Images) -> Path | None:
    if images.folder is None or not images.fingerprint:
        return None  # in memory: a fingerprint, if any, may be that of what they were made of
    parts = (FORMAT, network.weights.sha256, network.where.dtype, t1_channel(images) or 0)
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
    return home() / "anatomy" / f"{images.fingerprint[:32]}-{digest}.safetensors"


def _read(path: Path | None) -> dict[int, Row]:
    if path is None or not path.is_file():
        return {}
    try:
        arrays = load_file(path)
        places = arrays.pop("places")
        return {
            int(place): {name: array[i] for name, array in arrays.items()}
            for i, place in enumerate(places)
        }
    except (SafetensorError, OSError, KeyError, IndexError, ValueError):
        console.warn(f"{path} is damaged; its heads are segmented again.")
        return {}


def _write(path: Path | None, known: dict[int, Row]) -> None:
    if path is None or not known:
        return
    # Two processes may each add heads: the later file stays; what it lacks is segmented again.
    rows = list(known.values())
    arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    write_bytes(path, save({"places": np.array(list(known), np.int64), **arrays}))
