"""Offers the evaluator ``anomaly``."""

from __future__ import annotations

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_evaluators() -> list[Spec]:
    """Return ``anomaly``."""
    from brainzoo_anomaly.config import AnomalyConfig

    summary = "Finding lesions that a model of healthy brains never saw, beside baselines."
    return [Spec("anomaly", "brainzoo_anomaly.evaluator:Anomaly", AnomalyConfig, summary)]
