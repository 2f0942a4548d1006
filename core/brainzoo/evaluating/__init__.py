"""Evaluating: the three sets, running evaluators, their results, and what evaluators share.

Shared are checks of the sets, intervals over subjects and image features.

Nothing here imports numpy or torch before it is used: configurations of evaluators are made of
:class:`~brainzoo.evaluating.options.FeatureOptions`, and ``--help`` reads those.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from brainzoo.evaluating.options import FeatureOptions

if TYPE_CHECKING:
    from brainzoo.evaluating.checks import expect_comparable, halves, of_equal_number, subjects_of
    from brainzoo.evaluating.extractors import Extractor, extractor
    from brainzoo.evaluating.features import features_of
    from brainzoo.evaluating.intervals import Interval, bootstrap, resamples, weights_of
    from brainzoo.evaluating.planes import views

_LAZY = {
    "expect_comparable": "checks",
    "halves": "checks",
    "of_equal_number": "checks",
    "subjects_of": "checks",
    "Extractor": "extractors",
    "extractor": "extractors",
    "features_of": "features",
    "Interval": "intervals",
    "bootstrap": "intervals",
    "resamples": "intervals",
    "views": "planes",
    "weights_of": "intervals",
}

__all__ = [
    "Extractor",
    "FeatureOptions",
    "Interval",
    "bootstrap",
    "expect_comparable",
    "extractor",
    "features_of",
    "halves",
    "of_equal_number",
    "resamples",
    "subjects_of",
    "views",
    "weights_of",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
