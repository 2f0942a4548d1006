"""MONAI's VQVAE and transformer, trained as long as a run of ours was: figures and samples of both.

    python tests/benchmarks/vqvae_quality.py RUN PREPARED --out FOLDER
    brainzoo evaluate metrics --train PREPARED --test PREPARED --synthetic FOLDER/samples

RUN is a run of `brainzoo run vqvae` with a budget in minutes, PREPARED the images that it was made
of (the folder that `brainzoo data` names). MONAI's autoencoder has the same levels, maps, residual
layers and codes, its transformer the same width and layers; both see the same images with the same
augmentation in batches of the same size, for the wall-clock time that the stages of the run took
(stats.jsonl), by Adam in float32 as MONAI's tutorials train. Prints PSNR and SSIM of reconstructed
test slices and the perplexity of their codes, of both, and writes samples of MONAI's.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy, l1_loss

import brainzoo
from brainzoo import Images
from brainzoo.common.console import progress
from brainzoo.data.pictures import grid
from brainzoo.plugin.run import TrainConfig
from brainzoo.training.augment import Augmentation
from brainzoo.training.feed import Feed
from brainzoo.training.step import Step
from brainzoo_vae.evaluator import psnr, ssim

CPU = torch.device("cpu")


def stage_seconds(run: Path) -> tuple[float, float]:
    """Return the seconds that autoencoder and prior of a run were trained for."""
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    first = max(line["seconds"] for line in lines if "autoencoder" in line["losses"])
    return first, lines[-1]["seconds"] - first


def batches(images: Images, train: TrainConfig, seconds: float, title: str) -> Iterator[Any]:
    """Yield augmented batches until the time is over."""
    feed, seen, started = Feed(images, train.seed), 0, time.perf_counter()
    augmentation = Augmentation(train, feed.spacing_mm)
    with progress(title, round(seconds)) as advance:
        told = 0
        while (spent := time.perf_counter() - started) < seconds:
            advance(int(spent) - told)
            told = int(spent)
            pixels, _ = feed.batch(seen, train.batch_size)
            yield augmentation(pixels, Step(train.seed, seen, CPU))[0]
            seen += train.batch_size
    print(f"{title}: {seen} images in {seconds:.0f} s")


def train_autoencoder(network: Any, source: Iterator[Any], lr: float) -> None:
    """L1 and the commitment loss, as MONAI's tutorial."""
    adam = torch.optim.Adam(network.parameters(), lr)
    for pixels in source:
        adam.zero_grad()
        made, commitment = network(pixels)
        (l1_loss(made, pixels) + commitment).backward()
        adam.step()


def train_prior(prior: Any, network: Any, source: Iterator[Any], lr: float, order: Any) -> None:
    """Cross entropy of the next code."""
    from monai.inferers import VQVAETransformerInferer

    infer, adam = VQVAETransformerInferer(), torch.optim.Adam(prior.parameters(), lr)
    for pixels in source:
        adam.zero_grad()
        logits, codes, _ = infer(pixels, network, prior, order, return_latent=True)
        cross_entropy(logits.transpose(1, 2), codes).backward()
        adam.step()


def perplexity(codes: NDArray[np.int64]) -> float:
    """Return how many codes are used, weighted by how often."""
    shares = np.bincount(codes.ravel()) / codes.size
    return float(np.exp(-(shares[shares > 0] * np.log(shares[shares > 0])).sum()))


def samples(network: Any, prior: Any, latent: tuple[int, ...], n: int, order: Any) -> Any:
    """Return ``(n, 1, height, width)`` in [0, 1]."""
    from monai.inferers import VQVAETransformerInferer

    start = torch.full((n, 1), network.num_embeddings)
    infer = VQVAETransformerInferer()
    return infer.sample(latent, start, network, prior, order, verbose=False).clamp(0, 1).numpy()


def main() -> None:
    """Train, measure, print."""
    from monai.networks.nets import VQVAE, DecoderOnlyTransformer
    from monai.utils.ordering import Ordering

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--lr", type=float, default=1e-3, help="of the autoencoder, as the run's")
    parser.add_argument("--n", type=int, default=168, help="samples")
    parser.add_argument("--seconds", type=float, nargs=2, help="other times than the run's")
    given = parser.parse_args()
    settings = yaml.safe_load((given.run / "run.yaml").read_text())
    options, train = settings["generator"]["options"], TrainConfig(**settings["train"])
    images = Images.open(given.prepared)
    seen, test = images.where(split="train"), images.where(split="test").floats()
    first, second = given.seconds or stage_seconds(given.run)
    levels = len(options["widths"])
    torch.manual_seed(train.seed)
    network: nn.Module = VQVAE(
        spatial_dims=2,
        in_channels=1,
        out_channels=1,
        channels=options["widths"],
        num_res_layers=options["residual_layers"],
        num_res_channels=options["widths"],
        downsample_parameters=((2, 4, 1, 1),) * levels,
        upsample_parameters=((2, 4, 1, 1, 0),) * levels,
        num_embeddings=options["codes"],
        embedding_dim=options["code_length"],
    )
    train_autoencoder(network, batches(seen, train, first, "MONAI VQVAE"), given.lr)
    network.eval()
    with torch.inference_mode():
        parts = [torch.from_numpy(test[i : i + 8]) for i in range(0, len(test), 8)]
        made = np.clip(np.concatenate([network(part)[0].numpy() for part in parts]), 0, 1)
        codes = np.concatenate([network.index_quantize(part).numpy() for part in parts])
    report("MONAI", test, made, codes)
    ours: Any = brainzoo.load(given.run)
    report("brainzoo", test, ours.reconstruct(test).mean, ours.encode(test))
    given.out.mkdir(parents=True)
    chosen = np.linspace(0, len(test) - 1, 8).astype(int)
    rows = np.concatenate([test[chosen], made[chosen], ours.reconstruct(test[chosen]).mean])
    picture = grid(rows, columns=8, row_labels=["real", "MONAI", "brainzoo"])
    (given.out / "reconstructions.png").write_bytes(picture)
    latent = codes.shape[1:]
    order = Ordering("raster_scan", 2, (1, *latent))
    prior = DecoderOnlyTransformer(
        num_tokens=options["codes"] + 1,
        max_seq_len=int(np.prod(latent)),
        attn_layers_dim=options["prior_width"],
        attn_layers_depth=options["prior_layers"],
        attn_layers_heads=options["prior_width"] // 32,
        use_flash_attention=True,
    )
    source = batches(seen, train, second, "MONAI transformer")
    train_prior(prior, network, source, options["prior_lr"], order)
    prior.eval()
    with torch.inference_mode():
        pixels = samples(network, prior, latent, given.n, order)
    (given.out / "samples.png").write_bytes(grid(pixels[:64], columns=8))
    info = {**images.info, "synthetic": True, "classes": []}
    with Images.write(given.out / "samples", images.spatial, info, 1) as writer:
        writer.append(pixels, [{}] * len(pixels))


def report(name: str, real: Any, made: Any, codes: Any) -> None:
    """Print the figures of reconstructed test images."""
    print(
        f"{name:10} PSNR {psnr(real, made).mean():.2f} dB, SSIM {ssim(real, made).mean():.3f}, "
        f"perplexity {perplexity(codes):.0f} of test codes"
    )


if __name__ == "__main__":
    main()
