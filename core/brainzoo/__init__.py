"""brainzoo: a plugin-based zoo of generative models for brain MRI.

The public names; none of the heavy modules behind them is imported before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from brainzoo.common.version import __version__
from brainzoo.data.subjects import Subject
from brainzoo.plugin.capabilities import Reconstruction, Reconstructs
from brainzoo.plugin.findings import Evaluation, EvaluationSets, MetricValue
from brainzoo.plugin.hookspecs import hookimpl
from brainzoo.plugin.interfaces import Dataset, Evaluator, Exporter, Generator, Spec

if TYPE_CHECKING:
    from brainzoo.data.images import Images
    from brainzoo.data.volumes import Volume
    from brainzoo.training.torch_dataset import as_torch
    from brainzoo.zoo.loading import load
    from brainzoo.zoo.synthetic import synthetic

_LAZY = {
    "Images": "brainzoo.data.images",
    "Volume": "brainzoo.data.volumes",
    "as_torch": "brainzoo.training.torch_dataset",
    "load": "brainzoo.zoo.loading",
    "synthetic": "brainzoo.zoo.synthetic",
}

__all__ = [
    "Dataset",
    "Evaluation",
    "EvaluationSets",
    "Evaluator",
    "Exporter",
    "Generator",
    "Images",
    "MetricValue",
    "Reconstruction",
    "Reconstructs",
    "Spec",
    "Subject",
    "Volume",
    "__version__",
    "as_torch",
    "hookimpl",
    "load",
    "synthetic",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'brainzoo' has no attribute {name!r}")
