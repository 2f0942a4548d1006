"""What evaluators share: checks of the three sets, intervals over subjects, image features.

Nothing here imports torch before features are asked for.
"""

from brainzoo.evaluating.checks import expect_comparable, halves, of_equal_number, subjects_of
from brainzoo.evaluating.intervals import Interval, bootstrap, resamples
from brainzoo.evaluating.views import views

__all__ = [
    "Interval",
    "bootstrap",
    "expect_comparable",
    "halves",
    "of_equal_number",
    "resamples",
    "subjects_of",
    "views",
]
