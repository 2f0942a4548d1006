"""A made-up head with neck, nose and a mark on the right: to test orientation and place."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from brainzoo.data.subjects import Subject
from brainzoo.data.volumes import Volume, write_nifti
from brainzoo.plugin.interfaces import Dataset
from brainzoo.preparation.config import PrepareConfig
from brainzoo.preparation.subject import prepare_subject

CENTRE_MM = np.array([4.0, -9.0, 22.0])
BRAIN_MM = np.array([66.0, 84.0, 67.5])
HEAD_MM = BRAIN_MM + np.array([9.0, 11.0, 11.5])
MARK_MM = CENTRE_MM + np.array([40.0, 30.0, 10.0])  # in the brain, right and anterior


def phantom(
    spacing_mm: float = 4.0, *, noise: float = 0.0, seed: int = 0, turn: np.ndarray | None = None
) -> Volume:
    """Return a head in RAS+ order; ``turn`` tilts the grid, not the head."""
    rotation = np.eye(3) if turn is None else turn
    counts = [int(length / spacing_mm) for length in (216, 248, 264)]
    affine = np.eye(4)
    affine[:3, :3] = rotation * spacing_mm
    middle = (np.array(counts) - 1) / 2
    # The head's centre lies above the grid's, so that the neck runs out of it.
    affine[:3, 3] = CENTRE_MM - [0, 0, 25] - affine[:3, :3] @ middle
    voxels = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), -1)
    place = voxels @ affine[:3, :3].T + affine[:3, 3] - CENTRE_MM
    brain = ((place / BRAIN_MM) ** 2).sum(-1) < 1
    head = ((place / HEAD_MM) ** 2).sum(-1) < 1
    skull = ((place / (BRAIN_MM + 6)) ** 2).sum(-1) < 1
    neck = (np.hypot(place[..., 0], place[..., 1] + 20) < 50) & (place[..., 2] < -20)
    nose = np.linalg.norm(place - [0, 92, -60], axis=-1) < 20
    values = np.zeros(counts, dtype=np.float32)
    values[head | neck | nose] = 900
    values[skull & (place[..., 2] > -40)] = 60
    values[brain] = 600
    values[np.linalg.norm(place + CENTRE_MM - MARK_MM, axis=-1) < 14] = 1000
    values += np.random.default_rng(seed).normal(0, noise, counts) if noise else 0
    return Volume(np.clip(values, 0, None).astype(np.int16), affine)


def orientations(volume: Volume) -> Iterator[Volume]:
    """Yield the same head in all 48 orders and directions of the voxel axes."""
    for order in itertools.permutations(range(3)):
        for flips in itertools.product((1, -1), repeat=3):
            to = np.array(list(zip(order, flips, strict=True)))
            data = nibabel.apply_orientation(volume.data, to)
            affine = volume.affine @ nibabel.orientations.inv_ornt_aff(to, volume.data.shape)
            yield Volume(data, affine)


class Heads(Dataset):
    """Heads as files, one a subject."""

    license = "CC0-1.0"
    citation = "nobody"

    def __init__(self, folder: Path, count: int = 12) -> None:
        super().__init__(None)
        self.listed: list[Subject] = []
        for i in range(count):
            path = folder / f"s{i:02d}.nii.gz"
            if not path.exists():
                write_nifti(path, phantom(6.0, noise=15, seed=i))
            known = {"age": 20.0 + 5 * i, "sex": "FM"[i % 2], "site": None}
            self.listed.append(Subject(f"s{i:02d}", {"T1w": path}, covariates=known))

    def subjects(self) -> Iterator[Subject]:
        yield from self.listed


def stripped(volume: Volume) -> Volume:
    """Return the head without its skull."""
    counts = np.stack(np.meshgrid(*map(np.arange, volume.data.shape), indexing="ij"), -1)
    place = counts @ volume.affine[:3, :3].T + volume.affine[:3, 3] - CENTRE_MM
    inside = ((place / BRAIN_MM) ** 2).sum(-1) < 1
    return Volume(np.where(inside, volume.data, 0).astype(np.int16), volume.affine)


def pixels_of(volume: Volume, **options: Any) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Return the images made from a volume, and their rows."""
    config = PrepareConfig(**{"size": 64, "dtype": "float32", **options})
    made = prepare_subject(Subject("s", {"T1w": lambda: volume}), config)
    assert made.failure == ""
    return np.asarray(made.pixels), made.rows


def failure_of(volume: Volume | Path, **options: Any) -> str:
    """Return why no images are made from a volume or file."""
    source = volume if isinstance(volume, Path) else (lambda: volume)
    made = prepare_subject(Subject("s", {"T1w": source}), PrepareConfig(**options))
    assert made.rows == []
    return made.failure
