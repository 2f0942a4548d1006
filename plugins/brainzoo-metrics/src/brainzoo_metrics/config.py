"""Options of the evaluator ``metrics``."""

from __future__ import annotations

from dataclasses import dataclass

from brainzoo.api import option
from brainzoo_metrics.options import FeatureOptions


@dataclass(frozen=True)
class MetricsConfig(FeatureOptions):
    """The network whose features are compared, and how much is computed."""

    features: bool = option(
        True, "Also compare features of a network; else only measures that need no weights."
    )
    most: int = option(
        5000, "Images of each set at most; time and memory grow with the square.", minimum=8
    )
    pairs: int = option(1000, "Pairs of images whose likeness (MS-SSIM) is averaged.", minimum=10)
    neighbours: int = option(
        5, "The k of precision, recall, density and coverage (Naeem 2020, section 5).", minimum=1
    )


@dataclass(frozen=True)
class ConditionsConfig(FeatureOptions):
    """The network whose features show age, sex and class, and how many pairs are compared."""

    pairs: int = option(200, "Pairs of images of each condition.", minimum=10)
