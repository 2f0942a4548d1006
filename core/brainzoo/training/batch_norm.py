"""Batch normalisation over the images of all processes, as one process would do it.

torch's SyncBatchNorm does this on GPUs only. Here the processes exchange their means and variances,
one message a layer, on any device; gradients flow back through the message.
"""

from __future__ import annotations

import torch
import torch.distributed as distributed
from torch import nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.modules.batchnorm import _BatchNorm


class SharedBatchNorm(_BatchNorm):
    """A batch normalisation whose statistics are those of all processes while training.

    Every process must hold equally many images.
    """

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Normalise ``(batch, channel, *spatial)``."""
        if not self.training:
            return super().forward(values)
        axes = [0, *range(2, values.ndim)]
        exact = values.float()
        own = torch.var_mean(exact, axes, correction=0)
        variances, means = _gathered(torch.stack(own)).unbind(1)
        mean = means.mean(0)
        variance = (variances + (means - mean).square()).mean(0)
        self._remember(mean, variance, exact.numel() // exact.shape[1] * len(means))
        column = (1, -1, *[1] * (values.ndim - 2))
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return (exact * scale.view(column) + shift.view(column)).to(values.dtype)

    def _check_input_dim(self, values: torch.Tensor) -> None:
        """Take any: the layer that this one was knew its own."""

    @torch.no_grad()
    def _remember(self, mean: torch.Tensor, variance: torch.Tensor, count: int) -> None:
        """Move the running statistics, which are those of a sample: less one."""
        if self.running_mean is None or self.running_var is None:
            return
        momentum = 0.1 if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * count / max(1, count - 1), momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked += 1


def share_batch_norm(network: nn.Module) -> None:
    """Have every batch normalisation of a network look at the images of all processes."""
    for module in network.modules():
        shareable = isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d)
        if shareable and module.affine and module.momentum is not None:
            # The same object: whoever holds it, an optimiser or a loss, goes on holding it.
            module.__class__ = SharedBatchNorm


def _gathered(own: torch.Tensor) -> torch.Tensor:
    """Stack what each process holds; a gradient goes back to where its part came from."""
    every = [torch.zeros_like(own)] * distributed.get_world_size()
    every[distributed.get_rank()] = own
    gathered: torch.Tensor = all_reduce(torch.stack(every))  # type: ignore[no-untyped-call]
    return gathered
