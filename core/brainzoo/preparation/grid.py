"""Which slices, patches or volumes are taken from a scan, and the arrays they become."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from brainzoo.common.errors import DataError
from brainzoo.data.subjects import Subject, Value
from brainzoo.preparation.config import PrepareConfig
from brainzoo.preparation.head import Head
from brainzoo.preparation.scan import Floats, Matrix, Scan

PLANES = {"axial": (2, 1, 0), "coronal": (1, 2, 0), "sagittal": (0, 2, 1)}
"""Axes (of RAS+) of a plane's normal, rows and columns. Rows and columns run against their axes:
row 0 is anterior or superior, column 0 is the patient's right or anterior."""

LEAST_CONTENT = 0.05
"""Patches with less than this share of pixels that are not nearly black are left out."""

Row = dict[str, Value]


@dataclasses.dataclass(frozen=True)
class Made:
    """Images ``(image, channel, *spatial)`` made from one scan, with a row and the edges of pixels.

    0 is black and 1 is white, not yet clipped; label values are as they are.
    """

    pixels: Floats
    rows: list[Row]
    pixel_mm: tuple[float, ...]


def make_images(
    layers: Sequence[tuple[Scan, Head]], config: PrepareConfig, subject: Subject
) -> Made:
    """Make all images of one scan, each layer of it on the same grid.

    Layers are channels and label map in the frame of the first, each with the first's head and its
    own black and white. The subject decides random turns.
    """
    scan, head = layers[0]
    if config.dims == 2 and config.patch_size is not None:
        return _patches(layers, config)
    positions = _positions(scan, head, config) if config.dims == 2 else []
    made: list[list[Floats]] = [[] for _ in layers]
    rows: list[Row] = []
    for turn, row in _turns(config, subject):
        for parts, (layer, own) in zip(made, layers, strict=True):
            if config.dims == 3:
                parts.append(_volume(layer, own, config, turn))
            else:
                parts.append(_slices(layer, own, config, positions, turn))
        rows += [_row(head, config, position, row) for position in positions]
        if config.dims == 3:
            rows.append({"plane": None, "position_mm": None, **row})
    pixels = [_scaled(np.concatenate(m), own) for m, (_, own) in zip(made, layers, strict=True)]
    return Made(np.stack(pixels, axis=1), rows, (config.pixel_mm,) * config.dims)


def _scaled(values: Floats, head: Head) -> Floats:
    """Return intensities with black at 0 and white at 1."""
    return np.asarray((values - head.black) / (head.white - head.black), np.float32)


def _positions(scan: Scan, head: Head, config: PrepareConfig) -> list[float]:
    """Return the places of the slices along the plane's normal, in the frame and in the scan."""
    axis = PLANES[config.plane][0]
    places = _asked_for(scan, head, config, axis)
    low, high = (float(corner[axis]) for corner in scan.corners_mm())
    half = float(scan.spacing_mm[axis]) / 2
    if not low - half <= min(places) <= max(places) <= high + half:
        centre = float(head.centre_mm[axis])
        raise DataError(
            f"it reaches from {low - centre:.0f} to {high - centre:.0f} mm about the brain's "
            f"centre; the slices asked for lie outside: {min(places) - centre:.0f} to "
            f"{max(places) - centre:.0f} mm.",
            "Choose others, for example with --data.slices-mm.",
        )
    return places


def _asked_for(scan: Scan, head: Head, config: PrepareConfig, axis: int) -> list[float]:
    centre = float(head.centre_mm[axis])
    if config.sections_mm:
        reference = head.level_mm(axis, config.reference_fraction)
        return [reference + distance for distance in config.sections_mm]
    if config.slices_index:
        if not scan.aligned:
            raise DataError(
                "it is oblique; slices are numbered along its own axes (--data.axes scan)."
            )
        first, last = config.slices_index
        if last >= scan.view.shape[axis]:
            raise DataError(
                f"it has {scan.view.shape[axis]} {config.plane} slices; expected one numbered "
                f"{last} (the first is 0).",
                "Choose --data.slices-index within them.",
            )
        spacing = float(scan.spacing_mm[axis])
        if config.step_mm is None:
            count = min(config.slices, last - first + 1)
            return [float(i) * spacing for i in np.unique(np.rint(np.linspace(first, last, count)))]
        low, high = first * spacing, last * spacing
    elif config.slices_mm:
        low, high = (centre + distance for distance in config.slices_mm)
    else:
        low, high = (head.level_mm(axis, f) for f in config.slices_fraction or (0.3, 0.8))
    # by number or by step, about the middle
    count, step = config.slices, (high - low) / max(config.slices - 1, 1)
    if config.step_mm is not None:
        count, step = int((high - low) / config.step_mm + 1e-6) + 1, config.step_mm
    return [(low + high) / 2 + (i - (count - 1) / 2) * step for i in range(count)]


def _row(head: Head, config: PrepareConfig, position: float, row: Row) -> Row:
    centre = float(head.centre_mm[PLANES[config.plane][0]])
    return {"plane": config.plane, "position_mm": round(position - centre, 2), **row}


def _turns(config: PrepareConfig, subject: Subject) -> Iterator[tuple[Matrix | None, Row]]:
    """Yield the upright pose (``None``) and random turns, the same for a subject every time."""
    if not config.rotations:
        yield None, {}
        return
    yield None, {"turned_deg": "0 0 0", "flipped": 0.0}
    key = hashlib.sha256(f"{config.split_seed}\n{subject.id}\n{subject.scan}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(key[:8], "big"))
    for _ in range(config.rotations):
        steps = [int(limit / config.rotations_step_deg + 1e-6) for limit in config.rotations_deg]
        angles = [int(random.integers(-n, n + 1)) * config.rotations_step_deg for n in steps]
        flipped = bool(config.flips and random.integers(2))
        turn = rotation(angles) @ np.diag([-1.0 if flipped else 1.0, 1, 1])
        text = " ".join(f"{angle:g}" for angle in angles)
        yield turn, {"turned_deg": text, "flipped": float(flipped)}


def rotation(angles_deg: list[float]) -> Matrix:
    """Return the rotation by angles about the axes to the right, to the front and upwards."""
    result: Matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(angles_deg)):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[[i, j], [i, j]] = np.cos(angle)
        turn[j, i], turn[i, j] = np.sin(angle), -np.sin(angle)
        result = turn @ result
    return result


def _slices(
    scan: Scan, head: Head, config: PrepareConfig, positions: list[float], turn: Matrix | None
) -> Floats:
    """Return slices ``(image, height, width)``."""
    normal, row, column = PLANES[config.plane]
    if scan.aligned and turn is None:
        offsets = centred(config.size, config.pixel_mm)[::-1]
        centres: list[Any] = [head.centre_mm[axis] + offsets for axis in range(3)]
        widths = [config.pixel_mm] * 3
        centres[normal], widths[normal] = np.array(positions), 0.0
        values = scan.along_axes(centres, widths, head.black)
        return np.transpose(values, (normal, row, column))
    fine, offsets = _finer(scan, config)
    pose = np.eye(3) if turn is None else turn
    steps = np.zeros((3, 3))
    steps[:, 1:] = -pose[:, [row, column]] * config.pixel_mm / fine
    result = np.empty((len(positions), config.size, config.size), dtype=np.float32)
    for i, position in enumerate(positions):
        place = np.full(3, offsets[-1])
        place[normal] = position - head.centre_mm[normal]
        counts = [1, len(offsets), len(offsets)]
        values = scan.gather(head.centre_mm + pose @ place, steps, counts, head.black)
        result[i] = values.reshape(config.size, fine, config.size, fine).mean(axis=(1, 3))
    return result


def _volume(scan: Scan, head: Head, config: PrepareConfig, turn: Matrix | None) -> Floats:
    """Return one volume ``(1, x, y, z)``."""
    if scan.aligned and turn is None:
        offsets = centred(config.size, config.pixel_mm)
        centres = [centre + offsets for centre in head.centre_mm]
        return scan.along_axes(centres, [config.pixel_mm] * 3, head.black)[None]
    fine, offsets = _finer(scan, config)
    pose = np.eye(3) if turn is None else turn
    shape = (fine, config.size, fine, config.size, fine)
    result = np.empty((1, config.size, config.size, config.size), dtype=np.float32)
    for x in range(config.size):  # slab by slice of the result: a fine grid takes much memory
        origin = head.centre_mm + pose @ np.array([offsets[x * fine], offsets[0], offsets[0]])
        counts = [fine, len(offsets), len(offsets)]
        values = scan.gather(origin, pose * (config.pixel_mm / fine), counts, head.black)
        result[0, x] = values.reshape(shape).mean(axis=(0, 2, 4))
    return result


def _patches(layers: Sequence[tuple[Scan, Head]], config: PrepareConfig) -> Made:
    """Return square patches of the first layer's voxels, spread over each slice, resized."""
    scan, head = layers[0]
    if not scan.aligned:
        raise DataError(
            "it is oblique; patches are cut from its own voxels.", "Choose --data.axes scan."
        )
    normal, row, column = PLANES[config.plane]
    patch = config.patch_size or config.size
    positions = _positions(scan, head, config)
    across = int(np.ceil(np.sqrt(config.patches)))
    centres: list[Any] = [np.array(positions)] * 3
    widths = [0.0, 0.0, 0.0]
    for axis in (row, column):
        # Voxels in the middle of each patch, from the one end of the slice to the other.
        count = scan.view.shape[axis]
        reach = max(count - patch, 0) / 2
        middles = (count - 1) / 2 + np.linspace(reach, -reach, across if across > 1 else 3)
        middles = middles if across > 1 else middles[1:2]
        offsets = centred(config.size, patch / config.size)[::-1]
        spacing = float(scan.spacing_mm[axis])
        centres[axis] = (middles[:, None] + offsets).ravel() * spacing
        widths[axis] = patch / config.size * spacing
    shape = (len(positions), across, config.size, across, config.size)
    channels: list[Floats] = []
    for layer, own in layers:
        if not layer.aligned:
            raise DataError("a channel is turned against the others; patches are cut along voxels.")
        values = _scaled(layer.along_axes(centres, widths, own.black), own)
        tiles = np.transpose(values, (normal, row, column)).reshape(shape).transpose(0, 1, 3, 2, 4)
        channels.append(tiles.reshape(len(positions), across * across, config.size, config.size))
    patches = np.stack(channels, axis=2)[:, : config.patches]
    kept = np.argwhere((patches[:, :, 0] > 0.1).mean(axis=(2, 3)) >= LEAST_CONTENT)
    if not len(kept):
        raise DataError("it shows nothing in any of its patches.", "Choose other slices.")
    rows = [_row(head, config, positions[i], {"patch": float(number)}) for i, number in kept]
    return Made(patches[tuple(kept.T)], rows, (widths[row], widths[column]))


def centred(count: int, step: float) -> Matrix:
    """Return ``count`` places ``step`` apart about 0, rising."""
    return np.asarray((np.arange(count) - (count - 1) / 2) * step, dtype=np.float64)


def _finer(scan: Scan, config: PrepareConfig) -> tuple[int, Matrix]:
    """Return a grid finer than asked for, to be averaged: turned grids skip no voxels either.

    Into how many parts a pixel's edge is cut (about one per voxel, at most four), and the places.
    """
    fine = min(4, max(1, round(config.pixel_mm / float(scan.spacing_mm.mean()))))
    fine = 1 if scan.nearest else fine
    return fine, centred(config.size * fine, config.pixel_mm / fine)


def affine_of(config: PrepareConfig) -> list[list[float]]:
    """Return the 4 × 4 affine from voxel indices to RAS+ mm; its origin is the brain's centre.

    In 2-D it maps (row, column, 0) of a slice at position 0 mm; a slice at another position is
    shifted along the normal, whose step is 1 mm.
    """
    spacing, half = config.pixel_mm, (config.size - 1) / 2
    affine = np.eye(4)
    if config.dims == 3:
        affine[[0, 1, 2], [0, 1, 2]], affine[:3, 3] = spacing, -half * spacing
    else:
        normal, row, column = PLANES[config.plane]
        affine[:3, :3] = 0
        affine[[normal, row, column], [2, 0, 1]] = 1, -spacing, -spacing
        affine[[row, column], 3] = half * spacing
    return [[float(value) for value in line] for line in affine]


def orientation_of(config: PrepareConfig) -> str:
    """Return the directions in which rows and columns (or x, y, z) run."""
    _, row, column = PLANES[config.plane]
    return "RAS" if config.dims == 3 else f"{'LPI'[row]}{'LPI'[column]}"
