"""Options of the mosaic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from brainzoo.api import OptionError, option

HALVED = 2
"""Voxels of an image that share a displacement, per side."""

LEAST = 16

_SLICES: Mapping[str, Any] = {
    "images": 1,  # registering is all the training there is
    "data.sections_mm": (-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0),
    "data.reference_fraction": 0.585,
}


@dataclass(frozen=True)
class MosaicConfig:
    """What is recombined."""

    parts: int = option(6, "People whose tissue each image shows.", minimum=1, maximum=8)
    part_mm: float = option(56.0, "About how large the part of one person is.", minimum=1)
    edge_mm: float = option(
        12.0, "Over how much one person passes into the next; folds over a quarter.", minimum=0.1
    )
    near: int = option(
        8, "Each person is recombined with so many others, the most alike in conditions.", minimum=1
    )
    covariates: tuple[str, ...] = option(
        ("age", "sex"),
        "Columns that people are recombined by, besides the class; unknown ones are skipped.",
    )

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"size": 64, **_SLICES},
        "default": {"size": 128, **_SLICES},
        "volumes": {"size": 56, "data.dims": 3, "data.spacing_mm": 4.0, "images": 1},
    }

    def check_spatial(self, spatial: tuple[int, ...]) -> None:
        """Refuse sizes that cannot be halved.

        Raises:
            OptionError: A side is odd or too short.
        """
        if any(side % HALVED or side < LEAST for side in spatial):
            shape = " × ".join(map(str, spatial))
            raise OptionError(f"mosaic needs even sides of at least {LEAST}; found {shape}.")
