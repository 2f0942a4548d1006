"""Averaged weights, buffers too: what samples come from.

Karras et al. 2018 (PGGAN), section 4 and appendix A.1, with the half-life stated in images as in
their later work, so that it means the same at any batch size.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import nn

WARM_UP = 0.1  # the half-life is at most this fraction of the images seen so far


class EMA:
    """An exponential moving average of parameters and floating-point buffers.

    Its half-life is in images; 0 makes it follow at once. Parts of ``network`` that are not
    ``averaged`` (by default all are) are not copied: the average holds them themselves.
    """

    def __init__(
        self, network: nn.Module, half_life: int, averaged: Iterable[nn.Module] | None = None
    ) -> None:
        parts = [network] if averaged is None else averaged
        own = {id(tensor) for part in parts for tensor in _tensors(part).values()}
        source = _tensors(network)
        shared = {id(tensor): tensor for tensor in source.values() if id(tensor) not in own}
        self.network = copy.deepcopy(network, dict(shared)).eval()
        held = _tensors(self.network)
        self._names = [name for name, tensor in source.items() if id(tensor) in own]
        for name in self._names:
            held[name].requires_grad_(False)
        self._half_life = half_life
        self._source = network

    def own(self) -> dict[str, torch.Tensor]:
        """Return what is averaged, by name."""
        held = self.network.state_dict()
        return {name: held[name] for name in self._names}

    @torch.no_grad()
    def update(self, batch_size: int, images: int) -> None:
        """Move towards the network's present weights after a step."""
        half_life = min(self._half_life, images * WARM_UP)
        keep = 0.5 ** (batch_size / half_life) if half_life else 0.0
        source = self._source.state_dict()
        pairs = [(average, source[name]) for name, average in self.own().items()]
        floats = [(a, v) for a, v in pairs if v.is_floating_point()]
        if floats:
            torch._foreach_lerp_([a for a, _ in floats], [v for _, v in floats], 1 - keep)
        for average, value in pairs:
            if not value.is_floating_point():
                average.copy_(value)


def _tensors(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return parameters and buffers themselves, by name."""
    return dict(network.state_dict(keep_vars=True))
