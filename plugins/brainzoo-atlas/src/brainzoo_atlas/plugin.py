"""Registers the dataset ``atlas``."""

from __future__ import annotations

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_datasets() -> list[Spec]:
    """Return the simulated population."""
    from brainzoo_atlas.config import AtlasConfig

    summary = "Simulated heads (T1, T2) around the MNI152 template; needs no download."
    return [Spec("atlas", "brainzoo_atlas.dataset:Atlas", AtlasConfig, summary)]
