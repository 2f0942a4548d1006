"""Gradient penalties through a batch normalisation that two processes share."""

import copy

import torch
import torch.distributed as distributed
from torch import nn

from brainzoo.training.batch_norm import share_batch_norm


def penalty(network: nn.Module, pixels: torch.Tensor, parts: list[slice]) -> None:
    """Differentiate twice."""
    pixels = pixels.clone().requires_grad_()
    made = network(pixels)
    loss = sum((made[part] ** 3).mean() for part in parts)
    (gradient,) = torch.autograd.grad(loss, pixels, create_graph=True)
    gradient.square().sum().backward()


def difference() -> float:
    """Compare what this process and another one find together with what this one finds alone."""
    torch.manual_seed(0)
    pixels = torch.randn(8, 3, 4, 4)
    one = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5))
    shared = copy.deepcopy(one)
    share_batch_norm(shared)
    penalty(shared, pixels[distributed.get_rank() :: 2], [slice(None)])
    penalty(one, pixels, [slice(0, None, 2), slice(1, None, 2)])
    found = shared[0].weight.grad
    distributed.all_reduce(found)
    return float((found - one[0].weight.grad).abs().max() / found.abs().max())
