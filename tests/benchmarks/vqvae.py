"""Training images/s of the VQ-VAE's autoencoder against MONAI's VQVAE of the same widths.

    python tests/benchmarks/vqvae.py [--repeats 5] [--dims 2] [--size 128] [--batch-size 16]
    python tests/benchmarks/vqvae.py --dims 3 --size 64 --batch-size 2

Both have the same levels, feature maps, residual layers and codes, and are trained on the same
made-up heads by L1 and the commitment loss with Adam. MONAI's is trained as its tutorials do:
float32, a DataLoader. brainzoo's is :func:`brainzoo.training.fit` with all that it does beside:
augmentation, statistics, the resumable state. Without MONAI, the autoencoder of this project stands
in for it, in such a loop. Pairs are interleaved; read the ratio, for speeds drift.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from brainzoo.images import Images
from brainzoo.run import Run, TrainConfig
from brainzoo.testing.heads import make_images
from brainzoo_vqvae.config import VQVAEConfig
from brainzoo_vqvae.generator import VQVAE
from brainzoo_vqvae.networks import Autoencoder

OPTIONS: dict[str, Any] = {"residual_layers": 3, "codes": 256, "code_length": 32}


class Own(nn.Module):
    """This project's autoencoder with what MONAI's returns."""

    def __init__(self, spatial: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        self.network = Autoencoder(
            spatial, 1, widths=widths, cosine=False, code_decay=0.95, **OPTIONS
        )

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the reconstruction and the commitment loss."""
        made, latents, quantised = self.network(pixels)
        self.network.quantiser.update(latents.detach(), quantised.codes)
        return made, 0.25 * quantised.commitment


def reference(spatial: tuple[int, ...], widths: tuple[int, ...]) -> tuple[str, nn.Module]:
    """Return what is compared with, and its name."""
    try:
        from monai.networks.nets import VQVAE as Monai
    except ImportError:
        return "textbook loop", Own(spatial, widths)
    dims, levels = len(spatial), len(widths)
    network = Monai(
        spatial_dims=dims,
        in_channels=1,
        out_channels=1,
        channels=widths,
        num_res_layers=OPTIONS["residual_layers"],
        num_res_channels=widths,
        downsample_parameters=((2, 4, 1, 1),) * levels,
        upsample_parameters=((2, 4, 1, 1, 0),) * levels,
        num_embeddings=OPTIONS["codes"],
        embedding_dim=OPTIONS["code_length"],
    )
    return "MONAI", network


def theirs(network: nn.Module, images: Images, count: int, batch_size: int) -> float:
    """Train on ``count`` images as tutorials do; return images a second."""
    adam = torch.optim.Adam(network.parameters(), 1e-4)
    pixels = torch.from_numpy(images.floats())
    loader = DataLoader(TensorDataset(pixels), batch_size, shuffle=True, drop_last=True)
    network.train()
    seen, started = 0, time.perf_counter()
    while seen < count:
        for (real,) in loader:
            adam.zero_grad()
            made, commitment = network(real)
            (nn.functional.l1_loss(made, real) + commitment).backward()
            adam.step()
            seen += batch_size
            if seen >= count:
                break
    return seen / (time.perf_counter() - started)


def ours(images: Images, widths: tuple[int, ...], count: int, batch_size: int) -> float:
    """Train the first stage on ``count`` images; return images a second of whole steps.

    The pictures before and after are left out: they cost as much after an hour as after a second.
    """
    config = VQVAEConfig(
        widths=widths, prior_share=0.01, prior_width=32, prior_layers=1, lr=1e-4, **OPTIONS
    )
    with tempfile.TemporaryDirectory() as folder:
        train = TrainConfig(images=count, batch_size=batch_size, device="cpu", grids=1)
        run = Run(Path(folder), train)
        VQVAE(config).fit(images, run)
        lines = [json.loads(text) for text in run.stats.read_text().splitlines()]
    first, last = lines[0], lines[-1]
    return float((last["images"] - first["images"]) / (last["seconds"] - first["seconds"]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dims", type=int, choices=(2, 3), default=2)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--widths", default="96,96,192", help="feature maps a level")
    parser.add_argument("--steps", type=int, default=5, help="of each timing")
    given = parser.parse_args()
    spatial = (given.size,) * given.dims
    widths = tuple(map(int, given.widths.split(",")))
    count = given.steps * given.batch_size
    with tempfile.TemporaryDirectory() as folder:
        # Not more subjects than a step takes: a DataLoader must not stop short of the count.
        images = make_images(
            Path(folder) / "images", spatial=spatial, subjects=given.batch_size, classes=()
        )
        torch.manual_seed(0)
        name, network = reference(spatial, widths)
        theirs(network, images, given.batch_size, given.batch_size)
        ours(images, widths, 2 * given.batch_size, given.batch_size)
        rows = []
        for repeat in range(given.repeats):
            first = theirs(network, images, count, given.batch_size)
            rows.append((first, ours(images, widths, count, given.batch_size)))
            print(f"repeat {repeat + 1}/{given.repeats}: {rows[-1]}", file=sys.stderr)
    plain, fast = (statistics.median(column) for column in zip(*rows, strict=True))
    ratio = statistics.median(b / a for a, b in rows)
    print(f"VQ-VAE {' x '.join(map(str, spatial))}, widths {given.widths}, batch ", end="")
    print(f"{given.batch_size}, {torch.get_num_threads()} threads, ", end="")
    print(f"median of {given.repeats} interleaved pairs")
    print(f"  {name:<16}{plain:10.2f} images/s")
    print(f"  {'brainzoo':<16}{fast:10.2f} images/s")
    print(f"  {'ratio':<16}{ratio:10.2f}")


if __name__ == "__main__":
    main()
