"""Registers the dataset ``openneuro``."""

from __future__ import annotations

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_datasets() -> list[Spec]:
    """Return the dataset ``openneuro``."""
    from brainzoo_openneuro.config import OpenNeuroConfig

    return [
        Spec(
            name="openneuro",
            target="brainzoo_openneuro.dataset:OpenNeuro",
            config=OpenNeuroConfig,
            summary="A dataset of OpenNeuro by its number, downloaded: anatomy and people.",
        )
    ]
