"""Training images/s of DCGAN against a textbook PyTorch loop, in one interleaved run.

    python tests/benchmarks/dcgan.py [--repeats 5] [--size 64] [--batch-size 16] [--maps 256]

Both train the same networks on the same made-up heads with the same losses and learning rate. The
textbook loop is what a tutorial shows: float32, a DataLoader, plain Adam, the discriminator's
gradients computed in the generator's step too. brainzoo's is :func:`brainzoo.training.fit` with all
that it does beside: averaged weights, augmentation, statistics, sample grids, the resumable state.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from brainzoo.images import Images
from brainzoo.run import Run, TrainConfig
from brainzoo.testing.heads import make_images
from brainzoo_dcgan import networks
from brainzoo_dcgan.config import DCGANConfig
from brainzoo_dcgan.generator import DCGAN


def textbook(images: Images, count: int, batch_size: int, maps: int) -> float:
    """Train on ``count`` images as a tutorial does; return images a second."""
    torch.manual_seed(0)
    generator = networks.Generator(images.spatial, 1, 100, maps, 0)
    discriminator = networks.Discriminator(images.spatial, 1, maps, 0)
    adam_g = torch.optim.Adam(generator.parameters(), 2e-4, betas=(0.5, 0.999))
    adam_d = torch.optim.Adam(discriminator.parameters(), 2e-4, betas=(0.5, 0.999))
    loss = nn.BCEWithLogitsLoss()
    pixels = torch.from_numpy(images.floats()) * 2 - 1
    loader = DataLoader(TensorDataset(pixels), batch_size, shuffle=True, drop_last=True)
    no_classes = torch.zeros(batch_size, dtype=torch.long)
    seen, started = 0, time.perf_counter()
    while seen < count:
        for (real,) in loader:
            adam_d.zero_grad()
            loss(discriminator(real, no_classes), torch.ones(batch_size)).backward()
            fake = generator(torch.rand(batch_size, 100) * 2 - 1, no_classes)
            loss(discriminator(fake.detach(), no_classes), torch.zeros(batch_size)).backward()
            adam_d.step()
            adam_g.zero_grad()
            loss(discriminator(fake, no_classes), torch.ones(batch_size)).backward()
            adam_g.step()
            seen += batch_size
            if seen >= count:
                break
    return seen / (time.perf_counter() - started)


def ours(images: Images, count: int, batch_size: int, maps: int) -> float:
    """Train on ``count`` images with brainzoo, grids and state included; return images a second."""
    with tempfile.TemporaryDirectory() as folder:
        train = TrainConfig(images=count, batch_size=batch_size, device="cpu", grids=1)
        started = time.perf_counter()
        DCGAN(DCGANConfig(maps=maps)).fit(images, Run(Path(folder), train))
        return count / (time.perf_counter() - started)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--maps", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of one timing")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        size = (given.size, given.size)
        images = make_images(Path(folder) / "images", spatial=size, subjects=200, classes=())
        warm = 4 * given.batch_size
        rate = textbook(images, 2 * warm, given.batch_size, given.maps)
        count = max(8, round(rate * given.seconds / given.batch_size)) * given.batch_size
        ours(images, warm, given.batch_size, given.maps)
        rows = []
        for repeat in range(given.repeats):
            rows.append(
                (
                    textbook(images, count, given.batch_size, given.maps),
                    ours(images, count, given.batch_size, given.maps),
                )
            )
            print(f"repeat {repeat + 1}/{given.repeats}: {rows[-1]}", file=sys.stderr)
    plain, fast = (statistics.median(column) for column in zip(*rows, strict=True))
    ratio = statistics.median(b / a for a, b in rows)
    print(f"DCGAN {given.size} px, {given.maps} maps, batch {given.batch_size}, ", end="")
    print(f"{torch.get_num_threads()} threads, median of {given.repeats} interleaved pairs")
    print(f"  textbook loop     {plain:8.1f} images/s")
    print(f"  brainzoo          {fast:8.1f} images/s")
    print(f"  ratio             {ratio:8.2f}")


if __name__ == "__main__":
    main()
