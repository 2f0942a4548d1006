from __future__ import annotations

from brainzoo import Evaluation, EvaluationSets, Evaluator, MetricValue
from brainzoo.data.pictures import grid


class Difference(Evaluator):
    def evaluate(self, sets: EvaluationSets) -> Evaluation:
        train, test, synthetic = sets.train, sets.test, sets.synthetic
        assert set(train.column("split")) == {"train"}
        assert set(test.column("split")) == {"test"}
        assert sets.generator is not None
        real, made = test.floats().mean(), synthetic.floats().mean()
        return Evaluation(
            metrics=[
                MetricValue("grey", float(abs(real - made)) ** self.config.power, len(synthetic)),
                MetricValue("undefined", float("nan"), 0),
            ],
            tables={"means": [{"which": "real", "grey": float(real)}]},
            pictures={"synthetic": grid(synthetic.floats())},
        )
