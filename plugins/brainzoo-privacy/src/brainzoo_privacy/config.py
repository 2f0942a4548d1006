"""The options of the evaluator ``privacy``."""

from __future__ import annotations

import dataclasses

from brainzoo.api import option
from brainzoo_metrics.options import FeatureOptions


@dataclasses.dataclass(frozen=True)
class PrivacyConfig(FeatureOptions):
    """Options of the evaluator ``privacy``."""

    features: bool = option(False, "Also compare features of a network.")
    shown: int = option(6, "Most suspicious images in the picture.", minimum=1, maximum=32)
    rounds: int = option(
        500, "Resamplings of subjects for each interval.", minimum=20, maximum=10_000
    )
