"""What this plugin offers."""

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_evaluators() -> list[Spec]:
    """Offer the evaluators ``metrics`` and ``conditions``."""
    from brainzoo_metrics.config import ConditionsConfig, MetricsConfig

    return [
        Spec(
            name="metrics",
            target="brainzoo_metrics.evaluator:Metrics",
            config=MetricsConfig,
            summary="Distances with floors (SWD, FD, KID), diversity, coverage, anatomy.",
        ),
        Spec(
            name="conditions",
            target="brainzoo_metrics.conditions:Conditions",
            config=ConditionsConfig,
            summary="Do age, sex and class mean what they say? How varied is each condition?",
        ),
    ]
