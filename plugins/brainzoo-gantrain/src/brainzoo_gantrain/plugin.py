"""What this plugin offers."""

from brainzoo.api import Spec, hookimpl
from brainzoo_gantrain.config import GANTrainConfig


@hookimpl
def brainzoo_evaluators() -> list[Spec]:
    """Offer the evaluator ``gantrain``."""
    return [
        Spec(
            name="gantrain",
            target="brainzoo_gantrain.evaluator:GANTrain",
            config=GANTrainConfig,
            summary="Learn from synthetic, test on real: sensitivity, specificity, harmonic mean.",
        )
    ]
