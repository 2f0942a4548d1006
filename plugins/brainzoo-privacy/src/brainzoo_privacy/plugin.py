"""Offers the evaluator ``privacy``."""

from __future__ import annotations

from brainzoo.api import Spec, hookimpl
from brainzoo_privacy.config import PrivacyConfig


@hookimpl
def brainzoo_evaluators() -> list[Spec]:
    """Return ``privacy``."""
    return [
        Spec(
            name="privacy",
            target="brainzoo_privacy.evaluator:Privacy",
            config=PrivacyConfig,
            summary="copies of training subjects: nearest images, membership, a verdict",
        )
    ]
