"""What this plugin offers."""

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_evaluators() -> list[Spec]:
    """Offer the evaluators ``gantrain`` and ``segtrain``."""
    from brainzoo_gantrain.config import GANTrainConfig, SegTrainConfig

    return [
        Spec(
            name="gantrain",
            target="brainzoo_gantrain.evaluator:GANTrain",
            config=GANTrainConfig,
            summary="Learn from synthetic, test on real: sensitivity, specificity, harmonic mean.",
        ),
        Spec(
            name="segtrain",
            target="brainzoo_gantrain.segtrain:SegTrain",
            config=SegTrainConfig,
            summary="Learn to segment from synthetic pairs, test on real scans: Dice.",
        ),
    ]
