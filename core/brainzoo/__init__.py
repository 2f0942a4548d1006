"""brainzoo: a plugin-based zoo of generative models for brain MRI.

The public names; none of the heavy modules behind them is imported before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from brainzoo.hookspecs import hookimpl
from brainzoo.interfaces import (
    Dataset,
    Evaluation,
    Evaluator,
    Exporter,
    Figure,
    Generator,
    Reconstruction,
    Reconstructs,
    Spec,
    Subject,
)

if TYPE_CHECKING:
    from brainzoo.images import Images
    from brainzoo.loading import load
    from brainzoo.training.torch_dataset import as_torch, synthetic
    from brainzoo.volumes import Volume

__version__ = "0.1.0"

_LAZY = {
    "Images": "brainzoo.images",
    "Volume": "brainzoo.volumes",
    "as_torch": "brainzoo.training.torch_dataset",
    "load": "brainzoo.loading",
    "synthetic": "brainzoo.training.torch_dataset",
}

__all__ = [
    "Dataset",
    "Evaluation",
    "Evaluator",
    "Exporter",
    "Figure",
    "Generator",
    "Images",
    "Reconstruction",
    "Reconstructs",
    "Spec",
    "Subject",
    "Volume",
    "as_torch",
    "hookimpl",
    "load",
    "synthetic",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'brainzoo' has no attribute {name!r}")
