"""What this plugin offers."""

from brainzoo.api import Spec, hookimpl
from brainzoo_metrics.config import MetricsConfig


@hookimpl
def brainzoo_evaluators() -> list[Spec]:
    """Offer the evaluator ``metrics``."""
    return [
        Spec(
            name="metrics",
            target="brainzoo_metrics.evaluator:Metrics",
            config=MetricsConfig,
            summary="Distances with floors (SWD, FD, KID), diversity, coverage, anatomy.",
        )
    ]
