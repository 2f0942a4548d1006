"""The dataset ``atlas``: simulated subjects, made on demand and cached."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import Dataset, Subject, Value, Volume, home, write_bytes
from brainzoo_atlas.anatomy import make_anatomy
from brainzoo_atlas.config import AtlasConfig
from brainzoo_atlas.fields import Grid, covering
from brainzoo_atlas.population import Person, person
from brainzoo_atlas.scanner import scan
from brainzoo_atlas.template import template

VERSION = 2
"""Raised with every change that makes other volumes; part of every cache key."""

# What the scans show, in RAS+ millimetres: the whole head, cut below the jaw.
LOW_MM, HIGH_MM = (-96.0, -128.0, -120.0), (96.0, 120.0, 108.0)

WHITE_LEVEL = 150
"""Where white matter lies in the 8 bits of a scan: scalp and noise need room above."""


class Atlas(Dataset):
    """A simulated population: no scan of it is of a real person."""

    config: AtlasConfig

    license = (
        "simulated scans; derived from the ICBM 2009a template, Copyright (C) 1993-2004 Louis "
        "Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill "
        "University: use, copying, modification and distribution permitted without fee if this "
        "notice is kept"
    )
    citation = (
        "Simulated by brainzoo-atlas from: Fonov V, Evans AC, Botteron K, Almli CR, McKinstry RC, "
        "Collins DL (2011). Unbiased average age-appropriate atlases for pediatric studies. "
        "NeuroImage 54:313-327. https://doi.org/10.1016/j.neuroimage.2010.07.033"
    )
    url = "https://nist.mni.mcgill.ca/icbm-152-nonlinear-atlases-2009/"
    channels = ("T1w",)
    simulated = True

    def subjects(self) -> Iterator[Subject]:
        """Yield the simulated subjects; their volumes are made when they are asked for."""
        for source in self.scans():
            who = source.person
            covariates: dict[str, Value] = {"age": who.age, "sex": who.sex, "site": "simulated"}
            if self.config.lesions:
                covariates["lesions"] = float(who.lesions)
            yield Subject(who.id, {"T1w": source}, covariates=covariates, key=source.key)

    def scans(self) -> Iterator[SimulatedScan]:
        """Yield what makes each subject's volume and its lesion mask."""
        config = self.config
        for index in range(config.subjects):
            who = person(index, seed=config.seed, lesion_share=config.lesions)
            yield SimulatedScan(who, config.seed, config.voxel_mm, config.skull)


@dataclasses.dataclass(frozen=True)
class SimulatedScan:
    """Makes one subject's volume, or reads it from the cache; can be sent to another process."""

    person: Person
    seed: int
    spacing_mm: float
    skull: bool

    @property
    def grid(self) -> Grid:
        """The voxels of the volume, in RAS+."""
        return covering(self.spacing_mm, LOW_MM, HIGH_MM)

    @property
    def key(self) -> str:
        """All that decides the volume; also the name of the cached file."""
        head = "head" if self.skull else "brain"
        return (
            f"v{VERSION}-seed{self.seed}-{self.person.id}-{self.spacing_mm:g}mm-{head}"
            f"-lesions{self.person.lesions}"
        )

    def __call__(self) -> Volume:
        """Return the T1-weighted volume, about (96, 124, 114) at 2 mm, in 0 to 255."""
        return self.with_lesions()[0]

    def with_lesions(self) -> tuple[Volume, Volume]:
        """Return the volume and the mask of its lesions, 1 inside, on the same grid."""
        path = home() / "atlas" / f"{self.key}.npz"
        image, mask = _read(path) or self._make(path)
        affine = self.grid.affine
        return Volume(image.astype(np.float32), affine), Volume(mask.astype(np.float32), affine)

    def _make(self, path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        grid = self.grid
        rng = np.random.default_rng([self.seed, self.person.index, 1])
        anatomy = make_anatomy(self.person, template(self.spacing_mm), grid, rng, skull=self.skull)
        signal = scan(anatomy, grid, rng)
        if not self.skull:
            signal *= anatomy.brain > 0
        image = np.clip(np.rint(signal * WHITE_LEVEL), 0, 255).astype(np.uint8)
        mask = (anatomy.lesion > 0.5).astype(np.uint8)
        buffer = io.BytesIO()
        np.savez(buffer, image=image, lesions=np.packbits(mask) if mask.any() else np.uint8(0))
        write_bytes(path, buffer.getvalue())
        return image, mask


def _read(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """Return a cached volume and mask; None where there is none or it is damaged."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            image, packed = stored["image"], stored["lesions"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if packed.ndim == 0:
        return image, np.zeros_like(image)
    return image, np.unpackbits(packed, count=image.size).reshape(image.shape)
