"""Averaged weights, buffers too: what samples come from.

Karras et al. 2018 (PGGAN), section 4 and appendix A.1, with the half-life stated in images as in
their later work, so that it means the same at any batch size.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

WARM_UP = 0.1  # the half-life is at most this fraction of the images seen so far


class EMA:
    """An exponential moving average of a network's parameters and floating-point buffers.

    Args:
        network: The network that is being trained.
        half_life: In images; 0 makes the average follow at once.
    """

    def __init__(self, network: nn.Module, half_life: int) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._half_life = half_life
        self._source = network

    @torch.no_grad()
    def update(self, batch_size: int, images: int) -> None:
        """Move towards the network's present weights after a step."""
        half_life = min(self._half_life, images * WARM_UP)
        keep = 0.5 ** (batch_size / half_life) if half_life else 0.0
        averaged = dict(self.network.state_dict())
        pairs = [(averaged[name], value) for name, value in self._source.state_dict().items()]
        floats = [(a, v) for a, v in pairs if v.is_floating_point()]
        torch._foreach_lerp_([a for a, _ in floats], [v for _, v in floats], 1 - keep)
        for average, value in pairs:
            if not value.is_floating_point():
                average.copy_(value)
