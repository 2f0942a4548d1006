"""What every evaluator must do."""

# ruff: noqa: D102 (the names of the tests say what they ask)

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from brainzoo.common.errors import DataError
from brainzoo.data.images import Images
from brainzoo.plugin.findings import Evaluation, EvaluationSets
from brainzoo.plugin.interfaces import Evaluator, Generator
from brainzoo.testing.heads import make_images
from brainzoo.testing.plugin import PluginContract


class EvaluatorContract(PluginContract):
    """Evaluates made-up heads and asks what a reader of the values relies on.

    Two of five ``subjects`` are not for training.
    """

    kind = "evaluator"
    base = Evaluator
    shape: ClassVar[Sequence[int]] = (32, 32)
    subjects: ClassVar[int] = 40

    @classmethod
    def generator(cls, images: Images) -> Generator | None:
        """Return a generator for evaluators that need one (:class:`brainzoo.Reconstructs`)."""
        return None

    @pytest.fixture(scope="class")
    @classmethod
    def real(cls, tmp_path_factory: pytest.TempPathFactory) -> Images:
        """Real images of all splits, of two classes."""
        folder = tmp_path_factory.mktemp(cls.name) / "real"
        return make_images(folder, spatial=cls.shape, subjects=cls.subjects)

    @pytest.fixture(scope="class")
    @classmethod
    def synthetic(cls, tmp_path_factory: pytest.TempPathFactory) -> Images:
        """Images as if a generator had made them."""
        folder = tmp_path_factory.mktemp(cls.name) / "synthetic"
        return make_images(folder, spatial=cls.shape, subjects=cls.subjects, seed=1, synthetic=True)

    @pytest.fixture(scope="class")
    @classmethod
    def evaluation(cls, real: Images, synthetic: Images) -> Evaluation:
        """What the evaluator finds."""
        return cls.evaluate(real, synthetic)

    @classmethod
    def evaluate(
        cls, real: Images, synthetic: Images, *, test: Images | None = None, seed: int = 0
    ) -> Evaluation:
        """Compare synthetic images with the test split, or with ``test``."""
        train = real.where(split="train")
        test = real.where(split="test") if test is None else test
        evaluator: Evaluator = cls.make()
        validation = real.where(split="validation") if test is not real else None
        more: dict[str, Any] = {"generator": cls.generator(train), "seed": seed}
        return evaluator.evaluate(EvaluationSets(train, test, synthetic, validation, **more))

    def test_finds_something(self, evaluation: Evaluation) -> None:
        assert evaluation.metrics or evaluation.tables, "the evaluation holds nothing"

    def test_figures_can_be_believed(self, evaluation: Evaluation) -> None:
        for figure in evaluation.metrics:
            assert figure.name.strip(), "a metric value has no name"
            assert math.isfinite(figure.value), f"{figure.name} is {figure.value}"
            assert figure.n > 0, f"{figure.name} does not say from how many (n)"
            for end in (figure.low, figure.high, figure.floor):
                assert end is None or math.isfinite(end), f"{figure.name}: {figure}"
            low = -math.inf if figure.low is None else figure.low
            high = math.inf if figure.high is None else figure.high
            assert low <= high, f"{figure.name}: the interval {low} to {high} is upside down"

    def test_names_of_figures_are_unique(self, evaluation: Evaluation) -> None:
        names = [figure.name for figure in evaluation.metrics]
        assert len(names) == len(set(names)), f"names occur twice: {sorted(names)}"

    def test_pictures_are_png_or_svg(self, evaluation: Evaluation) -> None:
        for name, content in evaluation.pictures.items():
            known = content.startswith((b"\x89PNG\r\n\x1a\n", b"<svg"))
            assert known, f"picture {name!r} is neither a PNG nor an SVG file"

    def test_same_seed_same_figures(
        self, evaluation: Evaluation, real: Images, synthetic: Images
    ) -> None:
        again = self.evaluate(real, synthetic)
        assert list(again.metrics) == list(evaluation.metrics), "the same seed gives other values"

    def test_images_against_themselves_are_finite(self, real: Images) -> None:
        test = real.where(split="test")
        evaluation = self.evaluate(real, test)
        for figure in evaluation.metrics:
            assert math.isfinite(figure.value), f"identical sets: {figure.name} is {figure.value}"

    def test_takes_channels_and_label_maps(self, tmp_path: Path) -> None:
        more: dict[str, Any] = {"channels": 2, "labels": True, "subjects": self.subjects}
        real = make_images(tmp_path / "real", spatial=self.shape, **more)
        synthetic = make_images(
            tmp_path / "synthetic", spatial=self.shape, seed=1, synthetic=True, **more
        )
        for figure in self.evaluate(real, synthetic).metrics:
            assert math.isfinite(figure.value), f"two channels: {figure.name} is {figure.value}"

    def test_subjects_in_both_splits_are_refused(self, real: Images, synthetic: Images) -> None:
        with pytest.raises(DataError):
            self.evaluate(real, synthetic, test=real)

    def test_images_of_other_sizes_are_refused(self, real: Images, tmp_path: Path) -> None:
        spatial = [2 * length for length in self.shape]
        larger = make_images(tmp_path / "larger", spatial=spatial, subjects=10, synthetic=True)
        with pytest.raises(DataError):
            self.evaluate(real, larger)
