"""Offers the evaluator ``privacy``, and the gate that checkpoints pass to be published."""

from __future__ import annotations

from pathlib import Path

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_evaluators() -> list[Spec]:
    """Return ``privacy``."""
    from brainzoo_privacy.config import PrivacyConfig

    return [
        Spec(
            name="privacy",
            target="brainzoo_privacy.evaluator:Privacy",
            config=PrivacyConfig,
            summary="copies of training subjects: nearest images, membership, a verdict",
        )
    ]


@hookimpl
def brainzoo_gate(folder: Path, original: Path, consent: str) -> list[str]:
    """Return every reason not to publish a checkpoint."""
    from brainzoo_privacy.gate import findings

    return findings(folder, original=original, consent=consent)
