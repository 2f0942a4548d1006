"""The core's exporters: their options, offered through the same hook as anybody's."""

from __future__ import annotations

import dataclasses

from brainzoo.plugin.hookspecs import hookimpl
from brainzoo.plugin.interfaces import Spec
from brainzoo.plugin.options import option

LIMIT = "Write only the first images, this many."


@dataclasses.dataclass(frozen=True)
class NiftiConfig:
    """Options of the exporter ``nifti``."""

    limit: int | None = option(None, LIMIT, minimum=1)
    bids: bool = option(False, "Name files as BIDS does: sub-ID/anat/sub-ID_T1w.nii.gz.")


@dataclasses.dataclass(frozen=True)
class PngConfig:
    """Options of the exporter ``png``."""

    limit: int | None = option(None, LIMIT, minimum=1)
    bits: str = option("8", "Bits per pixel of the single files.", choices=("8", "16"))
    by_class: bool = option(False, "Sort the single files into a folder per class.")
    grid_images: int = option(64, "Images in grid.png at most; 0 writes none.", minimum=0)
    columns: int = option(8, "Images per row of grid.png.", minimum=1)


@hookimpl
def brainzoo_exporters() -> list[Spec]:
    """Return ``nifti`` and ``png``."""
    nifti = "NIfTI volumes, each with a JSON sidecar that says what it is"
    png = "PNG pictures without metadata: one per image, and a grid"
    return [
        Spec("nifti", "brainzoo.exporters.nifti:Nifti", NiftiConfig, nifti),
        Spec("png", "brainzoo.exporters.png:Png", PngConfig, png),
    ]
