"""brainzoo: a plugin-based zoo of generative models for brain MRI.

The public names; none of the modules behind them is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainzoo.common.lazy import lazily
from brainzoo.common.version import __version__

if TYPE_CHECKING:
    from brainzoo.data.images import Images as Images
    from brainzoo.data.subjects import Subject as Subject
    from brainzoo.data.volumes import Volume as Volume
    from brainzoo.plugin.capabilities import Reconstruction as Reconstruction
    from brainzoo.plugin.capabilities import Reconstructs as Reconstructs
    from brainzoo.plugin.findings import Evaluation as Evaluation
    from brainzoo.plugin.findings import EvaluationSets as EvaluationSets
    from brainzoo.plugin.findings import MetricValue as MetricValue
    from brainzoo.plugin.hookspecs import hookimpl as hookimpl
    from brainzoo.plugin.interfaces import Dataset as Dataset
    from brainzoo.plugin.interfaces import Evaluator as Evaluator
    from brainzoo.plugin.interfaces import Exporter as Exporter
    from brainzoo.plugin.interfaces import Generator as Generator
    from brainzoo.plugin.interfaces import Spec as Spec
    from brainzoo.training.torch_dataset import as_torch as as_torch
    from brainzoo.zoo.loading import from_pretrained as from_pretrained
    from brainzoo.zoo.loading import load as load
    from brainzoo.zoo.synthetic import synthetic as synthetic
else:
    __getattr__, names = lazily(__name__)
    __all__ = ["__version__", *names]

    def __dir__() -> list[str]:
        return __all__
