"""The options of the evaluator ``privacy``."""

from __future__ import annotations

import dataclasses

from brainzoo.api import EXTRACTORS, FeatureOptions, option

NONE = "none"


@dataclasses.dataclass(frozen=True)
class PrivacyConfig(FeatureOptions):
    """Options of the evaluator ``privacy``."""

    extractor: str = option(
        NONE,
        "Network whose features are compared besides; none needs no weights. random-* is random.",
        choices=(NONE, *EXTRACTORS),
    )
    shown: int = option(6, "Most suspicious images in the picture.", minimum=1, maximum=32)
    rounds: int = option(
        500, "Resamplings of subjects for each interval.", minimum=20, maximum=10_000
    )

    def __post_init__(self) -> None:
        if self.extractor != NONE:
            super().__post_init__()
