"""Offers the evaluator ``anatomy``."""

from __future__ import annotations

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_evaluators() -> list[Spec]:
    """Return ``anatomy``."""
    from brainzoo_anatomy.config import AnatomyConfig

    return [
        Spec(
            name="anatomy",
            target="brainzoo_anatomy.evaluator:Anatomy",
            config=AnatomyConfig,
            summary="Volumes of segmented brain regions, synthetic against real heads.",
        )
    ]
