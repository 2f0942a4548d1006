"""Registers the dataset ``fastmri``."""

from __future__ import annotations

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_datasets() -> list[Spec]:
    """Return the dataset ``fastmri``."""
    from brainzoo_fastmri.config import FastMriConfig

    return [
        Spec(
            name="fastmri",
            target="brainzoo_fastmri.dataset:FastMri",
            config=FastMriConfig,
            summary="The brain volumes of fastMRI: .h5 files with reconstruction_rss.",
        )
    ]
