"""Imports torchvision, to compare with it, also beside a torch without CUDA.

The torchvision of PyPI fails to import beside a CPU build of torch ("operator torchvision::nms
does not exist"): its compiled operators want CUDA libraries, and it describes two of them to torch
before it looks. Its models need none, so the two are declared and the import repeated.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from types import ModuleType
from typing import Any

import torch

_schemas: list[Any] = []  # torch forgets the operators of a library that is collected


def import_torchvision() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the image codecs, which are not needed either
        try:
            return importlib.import_module("torchvision")
        except RuntimeError as error:
            if "torchvision::nms" not in str(error):
                raise
        for module in [m for m in sys.modules if m.partition(".")[0] == "torchvision"]:
            del sys.modules[module]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _schemas.append(library)
        return importlib.import_module("torchvision")
