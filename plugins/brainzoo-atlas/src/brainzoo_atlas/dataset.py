"""The dataset ``atlas``: simulated subjects, made on demand and cached."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import Dataset, Subject, Value, Volume, home, write_bytes
from brainzoo_atlas.anatomy import Anatomy, make_anatomy
from brainzoo_atlas.config import AtlasConfig
from brainzoo_atlas.fields import Array, Grid, covering
from brainzoo_atlas.population import Person, person
from brainzoo_atlas.scanner import t1_weighted, t2_weighted
from brainzoo_atlas.template import template

VERSION = 2
"""Raised with every change that makes other volumes; part of every cache key."""

# What the scans show, in RAS+ millimetres: the whole head, cut below the jaw.
LOW_MM, HIGH_MM = (-96.0, -128.0, -120.0), (96.0, 120.0, 108.0)

TISSUES, LESION = {1: "CSF", 2: "GM", 3: "WM"}, 4
"""What the values of label maps mean."""

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
    simulated = True

    @property
    def channels(self) -> tuple[str, ...]:  # type: ignore[override]
        """The contrasts that were asked for."""
        return self.config.channels

    @property
    def label_names(self) -> Mapping[int, str]:  # type: ignore[override]
        """The tissues, if they were asked for."""
        if not self.config.tissues:
            return {}
        return {**TISSUES, **({LESION: "lesion"} if self.config.lesions else {})}

    def subjects(self) -> Iterator[Subject]:
        """Yield the simulated subjects; their volumes are made when they are asked for."""
        for source in self.scans():
            who = source.person
            covariates: dict[str, Value] = {"age": who.age, "sex": who.sex, "site": "simulated"}
            if self.config.lesions:
                covariates["lesions"] = float(who.lesions)
            yield Subject(
                who.id,
                {name: dataclasses.replace(source, shows=name) for name in self.config.channels},
                covariates=covariates,
                labels=dataclasses.replace(source, shows="tissues")
                if self.config.tissues
                else None,
                key=source.key,
            )

    def scans(self) -> Iterator[SimulatedScan]:
        """Yield what makes each subject's volume and its lesion mask."""
        config = self.config
        more = config.tissues or config.channels != ("T1w",)
        for index in range(config.subjects):
            who = person(index, seed=config.seed, lesion_share=config.lesions)
            yield SimulatedScan(who, config.seed, config.voxel_mm, config.skull, more)


@dataclasses.dataclass(frozen=True)
class SimulatedScan:
    """Makes one subject's volume, or reads it from the cache; can be sent to another process.

    ``more`` makes all contrasts and the label map together, when one is asked for; ``shows`` is
    what a call returns: ``T1w``, ``T2w`` or the label map of ``tissues``.
    """

    person: Person
    seed: int
    spacing_mm: float
    skull: bool
    more: bool = False
    shows: str = "T1w"

    @property
    def grid(self) -> Grid:
        """The voxels of the volume, in RAS+."""
        return covering(self.spacing_mm, LOW_MM, HIGH_MM)

    @property
    def key(self) -> str:
        """All that decides the volumes; also the name of the cached file."""
        head = "head" if self.skull else "brain"
        return (
            f"v{VERSION}-seed{self.seed}-{self.person.id}-{self.spacing_mm:g}mm-{head}"
            f"-lesions{self.person.lesions}"
        )

    def __call__(self) -> Volume:
        """Return the volume, about (96, 124, 114) at 2 mm, in 0 to 255; or the label map."""
        if self.shows == "T1w":
            return self.with_lesions()[0]
        name = "labels" if self.shows == "tissues" else self.shows
        stored = _read(self._path("more"), name) or self._make()
        return Volume(stored[name], self.grid.affine)

    def with_lesions(self) -> tuple[Volume, Volume]:
        """Return the T1-weighted volume and the mask of its lesions, 1 inside, on the same grid."""
        stored = _read(self._path(), "image", "lesions") or self._make()
        image, packed, affine = stored["image"], stored["lesions"], self.grid.affine
        mask = np.zeros_like(image)
        if packed.ndim:
            mask = np.unpackbits(packed, count=image.size).reshape(image.shape)
        return Volume(image.astype(np.float32), affine), Volume(mask.astype(np.float32), affine)

    def _path(self, what: str = "") -> Path:
        return home() / "atlas" / f"{self.key}{f'-{what}' if what else ''}.npz"

    def _make(self) -> dict[str, NDArray[np.uint8]]:
        """Make and keep the T1-weighted image, and the rest if it is wanted."""
        grid = self.grid
        rng = np.random.default_rng([self.seed, self.person.index, 1])
        anatomy = make_anatomy(self.person, template(self.spacing_mm), grid, rng, skull=self.skull)
        image = self._stored(t1_weighted(anatomy, grid, rng), anatomy)
        lesions = anatomy.lesion > 0.5
        packed = np.packbits(lesions) if lesions.any() else np.zeros((), np.uint8)
        made = {"image": image, "lesions": packed}
        _write(self._path(), made)
        if not self.more:
            return made
        own = np.random.default_rng([self.seed, self.person.index, 2])
        t2 = self._stored(t2_weighted(anatomy, grid, own), anatomy)
        # Half of a voxel or more of the next tissue makes it that one.
        labels = (1 + np.rint(anatomy.tissue)).astype(np.uint8) * (anatomy.brain > 0.5)
        labels[lesions] = LESION
        more = {"T2w": t2, "labels": labels}
        _write(self._path("more"), more)
        return made | more

    def _stored(self, signal: Array, anatomy: Anatomy) -> NDArray[np.uint8]:
        if not self.skull:
            signal = signal * (anatomy.brain > 0)
        return np.clip(np.rint(signal * WHITE_LEVEL), 0, 255).astype(np.uint8)


def _write(path: Path, arrays: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_bytes(path, buffer.getvalue())


def _read(path: Path, *names: str) -> dict[str, NDArray[np.uint8]] | None:
    """Return cached arrays; None where there are none or the file is damaged."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
