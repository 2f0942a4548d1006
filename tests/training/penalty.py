"""Gradient penalties through a batch normalisation that two processes share; prints the difference.

Usage: python penalty.py PORT
"""

import copy
import sys

import torch
import torch.distributed as distributed
from torch import multiprocessing, nn

from brainzoo.training.batch_norm import share_batch_norm


def penalty(network: nn.Module, pixels: torch.Tensor, parts: list[slice]) -> None:
    """Differentiate twice."""
    pixels = pixels.clone().requires_grad_()
    made = network(pixels)
    loss = sum((made[part] ** 3).mean() for part in parts)
    (gradient,) = torch.autograd.grad(loss, pixels, create_graph=True)
    gradient.square().sum().backward()


def work(rank: int, port: str) -> None:
    """Compare two processes with one."""
    address = f"tcp://127.0.0.1:{port}"
    distributed.init_process_group("gloo", address, rank=rank, world_size=2)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pixels = torch.randn(8, 3, 4, 4)
    one = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5))
    shared = copy.deepcopy(one)
    share_batch_norm(shared)
    penalty(shared, pixels[rank::2], [slice(None)])
    penalty(one, pixels, [slice(0, None, 2), slice(1, None, 2)])
    found = shared[0].weight.grad
    distributed.all_reduce(found)
    if rank == 0:
        print(float((found - one[0].weight.grad).abs().max() / found.abs().max()))


if __name__ == "__main__":
    multiprocessing.spawn(work, nprocs=2, args=(sys.argv[1],))
