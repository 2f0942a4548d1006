"""Flow against MONAI's and lucidrains' diffusion: python tests/benchmarks/flow.py [--size 128]

U-Nets of the same widths and residual blocks, with attention at the lowest level. Peers are timed
twice: on pixels, as their users run them, and on images that are packed as ours are, where only the
networks and loops differ. All predict noise or velocity with a squared error. Sampling asks each
network as often as its users do: six times for ours, ten for MONAI's rectified flow, fifty for
DDIM. --checkpoint FOLDER samples from a trained flow of ours, and tells by how much --fast differs.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contest import Contest, Way, main
from peers import peer, there
from torch import nn
from torch.nn.functional import mse_loss
from training import Ours, Plain, arithmetic, descend, drawing, heads, millions

from brainzoo_flow import path
from brainzoo_flow.config import FlowConfig
from brainzoo_flow.generator import Flow
from brainzoo_flow.networks import UNet
from brainzoo_flow.spaces import Packing
from brainzoo_metrics.feature_weights import import_torchvision

DEFAULTS = {"size": 128, "batch_size": 16, "widths": "48,96,128", "checkpoint": ""}
BLOCK = 4
DRAWN = 16
MONAI_STEPS = 10
DDIM_STEPS = 50
ON_PIXELS = 2
"""The batch of peers on pixels: one of 16 takes half a minute."""


def contests(given: Any) -> Iterator[Contest]:
    """Yield training and sampling."""
    widths, size, batch = tuple(map(int, given.widths.split(","))), given.size, given.batch_size
    images = heads((size, size))
    config = FlowConfig(widths=widths, covariates=())
    ours = Ours(lambda: Flow(config), images, batch)
    torch.manual_seed(0)
    packing = Packing(2, 1, BLOCK)
    plain = UNet(2, packing.packed, widths, 1)
    none = torch.zeros(batch, 1)

    def textbook(real: torch.Tensor) -> torch.Tensor:
        return _matching(lambda z, time: plain(z, time, none), packing(real * 2 - 1))

    training = [
        Way("brainzoo", ours, millions(plain)),
        Way("brainzoo, fp32", Ours(lambda: Flow(config), images, batch, precision="fp32")),
        Way("textbook loop", Plain(images, batch, descend(plain, textbook))),
    ]
    quick = Ours(lambda: Flow(dataclasses.replace(config, fast=True)), images, batch)
    quick(0)
    asked = torch.zeros(DRAWN, packing.packed, size // BLOCK, size // BLOCK), torch.zeros(DRAWN)
    work = arithmetic(lambda: plain(*asked, none[:1].expand(DRAWN, -1)), DRAWN)
    sampling = [
        Way("brainzoo", ours.sample(DRAWN), f"{config.steps} evaluations; each {work}"),
        Way("brainzoo, --fast", quick.sample(DRAWN), "the same in bf16"),
    ]
    packed = (packing.packed, size // BLOCK)
    if there("monai"):
        for name, (channels, side) in {"on pixels": (1, size), "packed": packed}.items():
            network = _monai(channels, widths)
            turn = packing if channels > 1 else nn.Identity()
            step = descend(network, _monai_loss(network, turn))
            count, note = (batch, "") if channels > 1 else (ON_PIXELS, f", batch {ON_PIXELS}")
            way = Plain(images, count, step)
            training.append(Way(f"MONAI, {name}", way, millions(network) + note))
            drawn = DRAWN if channels > 1 else 1
            draw = drawing(_euler(network, channels, side, drawn), drawn)
            sampling.append(Way(f"MONAI, {name}", draw, f"{MONAI_STEPS} evaluations"))
    if there("denoising_diffusion_pytorch"):
        for name, (channels, side) in {"on pixels": (1, size), "packed": packed}.items():
            diffusion = _lucidrains(channels, side, widths)
            turn = packing if channels > 1 else nn.Identity()
            step = descend(diffusion, lambda real, d=diffusion, t=turn: d(t(real)))
            label = f"denoising-diffusion-pytorch, {name}"
            count, note = (batch, "") if channels > 1 else (ON_PIXELS, f", batch {ON_PIXELS}")
            training.append(Way(label, Plain(images, count, step), millions(diffusion) + note))
            drawn = DRAWN if channels > 1 else 1
            draw = drawing(lambda d=diffusion, n=drawn: d.sample(batch_size=n), drawn)
            sampling.append(Way(label, draw, f"{DDIM_STEPS} evaluations (DDIM)"))
    shape = f"{size} × {size}, widths {given.widths.replace(',', '-')}"
    yield Contest(f"training flow, {shape}, batch {batch}", "images/s", training)
    note = ""
    if given.checkpoint:
        trained = Flow.load(Path(given.checkpoint)).to("cpu")
        ours.generator, quick.generator = trained, _fast(trained)
        note = _apart(trained, quick.generator)
    pairs = [("brainzoo, --fast", "brainzoo")]
    yield Contest(f"sampling flow, {shape}", "images/s", sampling, note, pairs)


def _fast(flow: Flow) -> Flow:
    made = copy.copy(flow)
    made.config = dataclasses.replace(flow.config, fast=True)
    return made


def _apart(flow: Flow, fast: Flow) -> str:
    """Return by how much images of both differ, in grey levels."""
    one, two = (255 * np.concatenate(list(f.sample(DRAWN, seed=0))) for f in (flow, fast))
    apart = np.abs(one - two)
    return (
        f"Images by --fast differ by {apart.mean():.2f} grey levels of 255 in the mean, "
        f"{apart.max():.1f} at most."
    )


def _matching(predict: Callable[..., torch.Tensor], image: torch.Tensor) -> torch.Tensor:
    """Return the squared error of the velocity, as books show it."""
    noise, time = torch.randn_like(image), torch.rand(len(image))
    return mse_loss(predict(path.between(noise, image, time), time), image - noise)


def _monai(channels: int, widths: tuple[int, ...]) -> Any:
    return peer("monai.networks.nets").DiffusionModelUNet(
        spatial_dims=2,
        in_channels=channels,
        out_channels=channels,
        channels=widths,
        num_res_blocks=2,
        attention_levels=tuple(level == len(widths) - 1 for level in range(len(widths))),
        num_head_channels=widths[-1] // 2,
        norm_num_groups=8,
    )


def _monai_loss(network: Any, turn: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda real: _matching(lambda z, time: network(z, 1000 * time), turn(real))


def _euler(network: Any, channels: int, side: int, count: int) -> Callable[[], torch.Tensor]:
    def draw() -> torch.Tensor:
        z = torch.randn(count, channels, side, side)
        for step in range(MONAI_STEPS):
            time = torch.full((count,), 1000 * step / MONAI_STEPS)
            z = z + network(z, time) / MONAI_STEPS
        return z

    return draw


def _lucidrains(channels: int, side: int, widths: tuple[int, ...]) -> Any:
    import_torchvision()  # which the library imports; PyPI's needs help beside a CPU build of torch
    library = peer("denoising_diffusion_pytorch")
    network = library.Unet(
        dim=widths[0],
        dim_mults=tuple(width // widths[0] for width in widths),
        channels=channels,
        full_attn=tuple(level == len(widths) - 1 for level in range(len(widths))),
    )
    return library.GaussianDiffusion(
        network, image_size=side, timesteps=1000, sampling_timesteps=DDIM_STEPS
    )


if __name__ == "__main__":
    main(contests, __doc__, **DEFAULTS)
