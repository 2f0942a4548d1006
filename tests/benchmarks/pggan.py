"""PGGAN against pro-gan-pth (PyPI): python tests/benchmarks/pggan.py [--sizes 64,128]

Same widths, batch, loss (WGAN-GP) and made-up heads, at full resolution from the beginning.
pro-gan-pth is run as its own ``ProGAN`` runs it: float32, plain Adam, averaged weights; its data
come from memory, without a loader. brainzoo is run once with the penalty in every step (the same
work) and once with its default (every fourth step). Sampling is in float32 on both sides.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import torch
from contest import Contest, Way, for_seconds, main
from peers import peer, there
from training import Ours, drawing, heads

from brainzoo_pggan import networks as ours
from brainzoo_pggan.config import PGGANConfig
from brainzoo_pggan.generator import ProgressiveGAN

DEFAULTS = {"sizes": "64,128", "base_channels": 128, "narrow_from": 16, "batch_size": 16}
LATENT = 128


class Theirs:
    """pro-gan-pth's networks, losses and steps."""

    def __init__(self, size: int, base: int, narrow_from: int) -> None:
        theirs: Any = peer("pro_gan_pytorch.networks")
        layers: Any = peer("pro_gan_pytorch.custom_layers")
        layers.EqualizedConvTranspose2d.forward = _transposed
        widths = ours.widths_of(size, base, narrow_from)
        # Their nf(1) is the width at 4 × 4.
        theirs.nf = lambda stage, *_: widths[min(max(stage, 1), len(widths)) - 1]
        self.depth = size.bit_length() - 1
        with contextlib.redirect_stdout(io.StringIO()):
            self.generator = theirs.Generator(self.depth, 1, LATENT)
            self.discriminator = theirs.Discriminator(self.depth, 1, widths[0])
            self.average = theirs.Generator(self.depth, 1, LATENT)
        self.update_average = layers.update_average
        self.loss = peer("pro_gan_pytorch.losses").WganGP()
        both = (self.generator, self.discriminator)
        self.adam_g, self.adam_d = (
            torch.optim.Adam(n.parameters(), 1e-3, betas=(0.0, 0.99)) for n in both
        )

    def step(self, real: torch.Tensor) -> None:
        """Update both networks and the average."""
        count = len(real)
        fake = self.generator(torch.randn(count, LATENT), self.depth, 1.0).detach()
        loss = self.loss.dis_loss(self.discriminator, real, fake, self.depth, 1.0)
        self.adam_d.zero_grad()
        loss.backward()
        self.adam_d.step()
        fake = self.generator(torch.randn(count, LATENT), self.depth, 1.0)
        loss = self.loss.gen_loss(self.discriminator, real, fake, self.depth, 1.0)
        self.adam_g.zero_grad()
        loss.backward()
        self.adam_g.step()
        self.update_average(self.average, self.generator, 0.999)


def _transposed(layer: Any, values: torch.Tensor) -> torch.Tensor:
    """Do what their layer does; its own forward calls what newer versions of torch changed."""
    weight = layer.weight * layer.scale
    return torch.conv_transpose2d(values, weight, layer.bias, layer.stride, layer.padding)


def contests(given: Any) -> Iterator[Contest]:
    """Yield training and sampling at each size."""
    for size in map(int, given.sizes.split(",")):
        yield from _of(size, given)


def _of(size: int, given: Any) -> Iterator[Contest]:
    images, batch = heads((size, size)), given.batch_size

    def way(every: int | None, **train: Any) -> Ours:
        config = PGGANConfig(
            loss="wgan-gp",
            r1_interval=every,
            base_channels=given.base_channels,
            narrow_from=given.narrow_from,
            latent=LATENT,
            grow=0.0,
            covariates=(),  # pro-gan-pth knows none
        )
        return Ours(lambda: ProgressiveGAN(config), images, batch, **train)

    default = way(None)
    training = [
        Way("brainzoo", way(1), "a penalty in every step: the same work"),
        Way("brainzoo, default", default, "a penalty in every fourth step"),
        Way("brainzoo, fp32", way(1, precision="fp32"), "a penalty in every step"),
    ]
    sampling = [Way("brainzoo", default.sample(64))]
    if there("pro_gan_pytorch"):
        theirs = Theirs(size, given.base_channels, given.narrow_from)
        pixels = torch.from_numpy(images.floats()) * 2 - 1

        def one() -> int:
            theirs.step(pixels[torch.randint(len(pixels), (batch,))])
            return batch

        training.append(Way("pro-gan-pth", lambda seconds: for_seconds(one, seconds)))
        latents = torch.randn(64, LATENT)
        draw = drawing(lambda: theirs.average(latents, theirs.depth, 1.0), 64)
        sampling.append(Way("pro-gan-pth", draw))
    what = f"PGGAN, {size} × {size}, {given.base_channels} base channels"
    pairs = [(f"brainzoo, {way}", "pro-gan-pth") for way in ("default", "fp32")]
    yield Contest(f"training {what}, batch {batch}", "images/s", training, pairs=pairs)
    yield Contest(f"sampling {what}", "images/s", sampling)


if __name__ == "__main__":
    main(contests, __doc__, **DEFAULTS)
