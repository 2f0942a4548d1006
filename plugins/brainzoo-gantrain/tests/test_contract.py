"""What every evaluator must do, asked of GAN-train in 2-D and 3-D."""

from typing import ClassVar

import pytest

from brainzoo.testing import EvaluatorContract

pytestmark = pytest.mark.slow

FAST: dict = {"extractor": "random-squeezenet", "layer": "fire3", "people": (8,)}


class TestGANTrain(EvaluatorContract):
    name = "gantrain"
    options: ClassVar = FAST


class TestGANTrainOfVolumes(EvaluatorContract):
    name = "gantrain"
    options: ClassVar = FAST
    shape = (16, 16, 16)
