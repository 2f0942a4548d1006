"""Registers the dataset ``fastmri``."""

from __future__ import annotations

from brainzoo.api import Spec, hookimpl
from brainzoo_fastmri.config import FastMriConfig


@hookimpl
def brainzoo_datasets() -> list[Spec]:
    """Return the dataset ``fastmri``."""
    return [
        Spec(
            name="fastmri",
            target="brainzoo_fastmri.dataset:FastMri",
            config=FastMriConfig,
            summary="The brain volumes of fastMRI: .h5 files with reconstruction_rss.",
        )
    ]
