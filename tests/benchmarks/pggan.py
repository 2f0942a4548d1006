"""Images/s of PGGAN against pro-gan-pth (PyPI), training and sampling, in one interleaved run.

    pip install --no-deps pro-gan-pth
    python tests/benchmarks/pggan.py [--sizes 64 128] [--repeats 3] [--maps 128] [--batch-size 16]

Same widths, batch, loss (WGAN-GP) and made-up heads, at full resolution from the beginning.
pro-gan-pth is run as its own ``ProGAN`` runs it: float32, plain Adam, averaged weights; its data
come from memory, without a loader. brainzoo runs :func:`brainzoo.training.fit` with all it does
beside (augmentation, averaged weights, statistics), timed between the first and the last line of
``stats.jsonl``, once with the penalty in every step (the same work) and once with its default
(every fourth step). Sampling is in float32 on both sides.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from brainzoo.images import Images
from brainzoo.run import Run, TrainConfig
from brainzoo.testing.heads import make_images
from brainzoo_pggan import networks as ours
from brainzoo_pggan.config import PGGANConfig
from brainzoo_pggan.generator import ProgressiveGAN

LATENT = 128


class Theirs:
    """pro-gan-pth's networks, losses and steps."""

    def __init__(self, size: int, maps: int, narrow_from: int) -> None:
        theirs: Any = importlib.import_module("pro_gan_pytorch.networks")
        layers: Any = importlib.import_module("pro_gan_pytorch.custom_layers")
        layers.EqualizedConvTranspose2d.forward = _transposed
        widths = ours.widths_of(size, maps, narrow_from)
        # Their nf(1) is the width at 4 × 4.
        theirs.nf = lambda stage, *_: widths[min(max(stage, 1), len(widths)) - 1]
        self.depth = size.bit_length() - 1
        with contextlib.redirect_stdout(io.StringIO()):
            self.generator = theirs.Generator(self.depth, 1, LATENT)
            self.discriminator = theirs.Discriminator(self.depth, 1, widths[0])
            self.average = theirs.Generator(self.depth, 1, LATENT)
        self.update_average = layers.update_average
        self.loss = importlib.import_module("pro_gan_pytorch.losses").WganGP()
        both = (self.generator, self.discriminator)
        self.adam_g, self.adam_d = (
            torch.optim.Adam(n.parameters(), 1e-3, betas=(0.0, 0.99)) for n in both
        )

    def train(self, pixels: torch.Tensor, steps: int, batch_size: int) -> float:
        """Return images a second of so many steps."""
        started = time.perf_counter()
        for _ in range(steps):
            real = pixels[torch.randint(len(pixels), (batch_size,))]
            noise = torch.randn(batch_size, LATENT)
            fake = self.generator(noise, self.depth, 1.0).detach()
            loss = self.loss.dis_loss(self.discriminator, real, fake, self.depth, 1.0)
            self.adam_d.zero_grad()
            loss.backward()
            self.adam_d.step()
            fake = self.generator(torch.randn(batch_size, LATENT), self.depth, 1.0)
            loss = self.loss.gen_loss(self.discriminator, real, fake, self.depth, 1.0)
            self.adam_g.zero_grad()
            loss.backward()
            self.adam_g.step()
            self.update_average(self.average, self.generator, 0.999)
        return steps * batch_size / (time.perf_counter() - started)

    def sample(self, count: int) -> float:
        """Return samples a second, in batches of 64."""
        started = time.perf_counter()
        with torch.no_grad():
            for _ in range(count // 64):
                self.average(torch.randn(64, LATENT), self.depth, 1.0)
        return count / (time.perf_counter() - started)


def _transposed(layer: Any, values: torch.Tensor) -> torch.Tensor:
    """Do what their layer does; its own forward calls what newer versions of torch changed."""
    weight = layer.weight * layer.scale
    return torch.conv_transpose2d(values, weight, layer.bias, layer.stride, layer.padding)


def our_training(images: Images, given: Any, steps: int, every: int | None) -> tuple[float, Any]:
    """Return images a second of training, and the trained generator."""
    config = PGGANConfig(
        loss="wgan-gp",
        penalise_every=every,
        maps=given.maps,
        narrow_from=given.narrow_from,
        latent=LATENT,
        grow=0.0,
        covariates=(),  # pro-gan-pth knows none
    )
    budget = (steps + 1) * given.batch_size
    with tempfile.TemporaryDirectory() as folder:
        train = TrainConfig(images=budget, batch_size=given.batch_size, device="cpu", grids=1)
        generator = ProgressiveGAN(config)
        generator.fit(images, Run(Path(folder), train))
        lines = [json.loads(t) for t in (Path(folder) / "stats.jsonl").read_text().splitlines()]
    spent = lines[-1]["seconds"] - lines[0]["seconds"]
    return (lines[-1]["images"] - lines[0]["images"]) / spent, generator


def our_sampling(generator: ProgressiveGAN, count: int) -> float:
    """Return samples a second."""
    started = time.perf_counter()
    for _ in generator.sample(count, seed=1):
        pass
    return count / (time.perf_counter() - started)


def compare(size: int, given: Any, folder: Path) -> None:
    """Print the table of one size."""
    images = make_images(folder / str(size), spatial=(size, size), subjects=100, classes=())
    pixels = torch.from_numpy(images.floats()) * 2 - 1
    theirs = Theirs(size, given.maps, given.narrow_from)
    rate = theirs.train(pixels, 2, given.batch_size)
    steps = max(6, round(rate * given.seconds / given.batch_size))
    rows: dict[str, list[float]] = {}
    for repeat in range(given.repeats):
        rows.setdefault("training: pro-gan-pth", []).append(
            theirs.train(pixels, steps, given.batch_size)
        )
        same, _ = our_training(images, given, steps, 1)
        rows.setdefault("training: brainzoo, penalty in every step", []).append(same)
        lazy, generator = our_training(images, given, steps, None)
        rows.setdefault("training: brainzoo, default", []).append(lazy)
        rows.setdefault("sampling: pro-gan-pth", []).append(theirs.sample(128))
        rows.setdefault("sampling: brainzoo", []).append(our_sampling(generator, 128))
        print(f"repeat {repeat + 1}/{given.repeats}", file=sys.stderr)
    print(f"{size} px, {given.maps} maps, batch {given.batch_size}, ", end="")
    print(f"{torch.get_num_threads()} threads, median of {given.repeats} interleaved rounds")
    for name, rates in rows.items():
        base = rows[f"{name.split(':')[0]}: pro-gan-pth"]
        ratio = statistics.median(b / a for a, b in zip(base, rates, strict=True))
        print(f"  {name:44}{statistics.median(rates):8.1f} images/s  ratio {ratio:.2f}")


def main() -> None:
    """Compare at each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--maps", type=int, default=128)
    parser.add_argument("--narrow-from", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of one timing")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for size in given.sizes:
            compare(size, given, Path(folder))


if __name__ == "__main__":
    main()
