"""MeshNet: dilated 3-D convolutions at full resolution, as brainchop's authors trained it.

Fedorov et al. 2017, "End-to-end learning of brain tissue segmentation from imperfect labeling".

Differences from their program (brainchop, TensorFlow.js): bf16 where the processor multiplies it,
and the head's box in place of a cube of 256 voxels; `docs/evaluation.md` says what that changes.
"""

# ruff: noqa: TID253 (imported by the evaluator only)

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from brainzoo.training import Compute, compute
from brainzoo_anatomy.weights import Weights

SLAB = 16  # planes whose classes are told at once: scores of all would be the largest array


class MeshNet:
    """The network on the fastest device here: GPU or CPU, in bf16 where that is multiplied.

    Args:
        weights: What :func:`brainzoo_anatomy.weights.read_weights` read.
        where: Device and precision.
    """

    def __init__(self, weights: Weights, where: Compute | None = None) -> None:
        self.weights = weights
        self.where = where or compute()
        self._layers = [
            (
                self.where.tensor(torch.from_numpy(layer.kernel).to(self.where.dtype)),
                torch.from_numpy(layer.bias.copy()).to(self.where.device, self.where.dtype),
                layer.dilation,
            )
            for layer in weights.layers
        ]

    def __call__(self, head: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the class of each voxel.

        Layer by layer: two layers' features are in memory, 60 bytes a voxel each in bf16.

        Args:
            head: ``(x, y, z)`` of 1 mm in [0, 1]; x runs to the left, y down, z forward (LIA).
        """
        with torch.inference_mode():
            features = torch.from_numpy(np.ascontiguousarray(head))[None, None]
            features = self.where.tensor(features.to(self.where.device, self.where.dtype))
            for kernel, bias, dilation in self._layers[:-1]:
                margin = dilation * (kernel.shape[-1] // 2)
                features = functional.conv3d(
                    features, kernel, bias, padding=margin, dilation=dilation
                )
                functional.elu_(features)
            kernel, bias, _ = self._layers[-1]
            slabs = [
                functional.conv3d(slab, kernel, bias, padding=kernel.shape[-1] // 2).argmax(1)
                for slab in torch.split(features, SLAB, 2)
            ]
            classes: NDArray[np.uint8] = torch.cat(slabs, 1)[0].to(torch.uint8).cpu().numpy()
        return classes
