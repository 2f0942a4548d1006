"""What every evaluator must do, asked of metrics in 2-D and 3-D."""

from typing import ClassVar

from brainzoo.testing import EvaluatorContract


class TestMetrics(EvaluatorContract):
    name = "metrics"
    options: ClassVar = {"features": False, "pairs": 50}


class TestMetricsOfVolumes(EvaluatorContract):
    name = "metrics"
    shape = (16, 16, 16)
    options: ClassVar = {"features": False, "pairs": 50}
