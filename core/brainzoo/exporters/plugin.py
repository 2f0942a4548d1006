"""Offers the core's exporters through the same hook as anybody's."""

from __future__ import annotations

from brainzoo.exporters.config import NiftiConfig, PngConfig
from brainzoo.plugin.hookspecs import hookimpl
from brainzoo.plugin.interfaces import Spec


@hookimpl
def brainzoo_exporters() -> list[Spec]:
    """Return ``nifti`` and ``png``."""
    return [
        Spec(
            name="nifti",
            target="brainzoo.exporters.nifti:Nifti",
            config=NiftiConfig,
            summary="NIfTI volumes, each with a JSON sidecar that says what it is",
        ),
        Spec(
            name="png",
            target="brainzoo.exporters.png:Png",
            config=PngConfig,
            summary="PNG pictures without metadata: one per image, and a grid",
        ),
    ]
