"""Evaluators that find what their options say, or fail as they say: for tests of evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from brainzoo import (
    Evaluation,
    EvaluationSets,
    Evaluator,
    MetricValue,
    Reconstructs,
    Spec,
    hookimpl,
)
from brainzoo.common.errors import DataError, NetworkError, OptionError
from brainzoo.plugin.options import option


@dataclass(frozen=True)
class JudgeConfig:
    fail: str = option(
        "no", "When to fail.", choices=("no", "check", "data", "crash", "exit", "option")
    )
    half_width: float = option(0.01, "Half of the interval.")
    weights: Path | None = option(None, "A file.")


class Judge(Evaluator):
    config: JudgeConfig

    def check(self) -> None:
        if self.config.fail == "check":
            raise NetworkError("the weights are missing.", "Give --judge.weights FILE.")

    def evaluate(self, sets: EvaluationSets) -> Evaluation:
        if self.config.fail == "data":
            raise DataError("the test images are 3; expected 8 or more.", "Add subjects.")
        if self.config.fail == "option":
            raise OptionError("this generator will not do.", "Take another.")
        if self.config.fail == "crash":
            raise RuntimeError("a wheel came off")
        test, synthetic = sets.test, sets.synthetic
        if self.config.fail == "exit":
            raise SystemExit(0)
        grey, half = float(synthetic.floats().mean()), self.config.half_width
        floor = float(test.floats().mean())
        return Evaluation(
            metrics=[
                MetricValue("grey", grey, len(synthetic), grey - half, grey + half, floor, "mean"),
                MetricValue("seed", sets.seed, len(synthetic)),
            ],
            tables={"rows": [{"subject": name} for name in test.subjects()]},
            files={"verdict.json": b'{"copies": 0}'},
            notes=["Only greys are looked at."],
        )


class OtherJudge(Judge):
    """The same under another name."""


class Picky(Judge):
    """The same, for generators that reconstruct."""

    needs = Reconstructs


class Sorter(Judge):
    """The same, for images in classes."""

    needs_classes = True


@hookimpl
def brainzoo_evaluators() -> list[Spec]:
    return [
        Spec("judge", "brainzoo_judges:Judge", JudgeConfig, "Mean grey."),
        Spec("other", "brainzoo_judges:OtherJudge", JudgeConfig, "Mean grey again."),
        Spec("picky", "brainzoo_judges:Picky", JudgeConfig, "Mean grey of reconstructors."),
        Spec("sorter", "brainzoo_judges:Sorter", JudgeConfig, "Mean grey of classes."),
    ]
