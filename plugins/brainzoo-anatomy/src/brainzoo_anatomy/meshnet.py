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

FAR = 4
"""Dilations above it are slow in bf16 on a CPU: one of 16 takes 14 times as long as one of 4."""

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
                features = dilated(features, kernel, bias, dilation, self._fold(dilation))
                functional.elu_(features)
            kernel, bias, _ = self._layers[-1]
            slabs = [
                functional.conv3d(slab, kernel, bias, padding=kernel.shape[-1] // 2).argmax(1)
                for slab in torch.split(features, SLAB, 2)
            ]
            classes: NDArray[np.uint8] = torch.cat(slabs, 1)[0].to(torch.uint8).cpu().numpy()
        return classes

    def _fold(self, dilation: int) -> int:
        slow = self.where.device.type == "cpu" and self.where.dtype is torch.bfloat16
        return dilation // FAR if slow and dilation > FAR and dilation % FAR == 0 else 1


def dilated(
    features: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor, dilation: int, fold: int
) -> torch.Tensor:
    """Return a dilated convolution with as many voxels, by parts that are nearer together.

    Voxels of which each sees only every ``fold``-th along each axis are brought together: the same
    sums, at a dilation that is ``fold`` times less.

    Args:
        features: ``(1, channel, x, y, z)``.
        kernel: ``(channel, channel, side, side, side)``, an odd side.
        bias: ``(channel,)``.
        dilation: A multiple of ``fold``.
        fold: 1 leaves everything where it is.
    """
    near = dilation // fold
    margin = near * (kernel.shape[-1] // 2)
    if fold == 1:
        return functional.conv3d(features, kernel, bias, padding=margin, dilation=near)
    sides = features.shape[2:]
    beyond = [n for side in reversed(sides) for n in (0, -side % fold)]
    whole = functional.pad(features, beyond).movedim(1, -1)
    x, y, z = (side // fold for side in whole.shape[1:4])
    parts = whole.reshape(x, fold, y, fold, z, fold, -1).permute(1, 3, 5, 0, 2, 4, 6)
    parts = parts.reshape(fold**3, x, y, z, -1).movedim(-1, 1)
    made = functional.conv3d(parts, kernel, bias, padding=margin, dilation=near).movedim(1, -1)
    del whole, parts
    made = made.reshape(fold, fold, fold, x, y, z, -1).permute(3, 0, 4, 1, 5, 2, 6)
    made = made.reshape(1, x * fold, y * fold, z * fold, -1)
    return made[:, : sides[0], : sides[1], : sides[2]].movedim(-1, 1)
