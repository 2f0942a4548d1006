"""A tiny GAN-like training for the tests of the loop; as a script, one that tests kill.

Usage: python tiny.py FOLDER IMAGES [--resume] [--step-ms X]
"""

import argparse
import hashlib
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from brainzoo.data.images import Images
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.training import Phase, arrays_of, fit, seeded

SIZE = 8


def images(count: int = 40) -> Images:
    """Ellipses of random size, five a subject."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    pixels = [
        np.clip(1.2 - (y / rng.uniform(0.4, 1)) ** 2 - (x / rng.uniform(0.4, 1)) ** 2, 0, 1)
        for _ in range(count)
    ]
    stored = np.rint(np.stack(pixels)[:, None] * 65535).astype(np.uint16)
    table = [{"image_id": f"{i:03d}", "subject": f"s{i // 5}"} for i in range(count)]
    return Images(stored, table, {})


class Maker(nn.Module):
    """Latent of 4 to an image."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, SIZE * SIZE))

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.layers(latent)).view(-1, 1, SIZE, SIZE)


def train(
    folder: Path,
    resume: bool = False,
    lr: float = 1e-3,
    step_ms: float = 0,
    **options: object,
):
    """Train and return the averaged network."""
    with seeded(7):
        maker = Maker()
        body = [nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.LeakyReLU(0.2)]
        judge = nn.Sequential(*body, nn.Flatten(), nn.Linear(8 * 16, 1))

    def judge_loss(pixels, classes, step):
        with torch.no_grad():
            fake = maker(step.uniform(len(pixels), 4))
        real_logits, fake_logits = judge(pixels), judge(fake)
        loss = nn.functional.softplus(-real_logits).mean()
        loss = loss + nn.functional.softplus(fake_logits).mean()
        return loss, {
            "d_real": real_logits.sigmoid().mean(),
            "d_fake": fake_logits.sigmoid().mean(),
        }

    def maker_loss(pixels, classes, step):
        time.sleep(step_ms / 1000)
        fake = maker(step.uniform(len(pixels), 4))
        return nn.functional.softplus(-judge(fake)).mean(), {}

    def sample(network):
        with torch.no_grad():
            latent = torch.linspace(0, 1, 64 * 4).view(64, 4)
            return network(latent).numpy() / 2 + 0.5

    phases = [
        Phase("judge", judge, torch.optim.Adam(judge.parameters(), lr, fused=True), judge_loss),
        Phase("maker", maker, torch.optim.Adam(maker.parameters(), lr, fused=True), maker_loss),
    ]
    settings = {"batch_size": 8, "ema_images": 100, "device": "cpu", "grids": 3, **options}
    run = Run(folder, TrainConfig(**settings), resume)
    return fit(phases, images(), run, network=maker, sample=sample)


def digest(network: nn.Module) -> str:
    """Return a hash of every weight's bytes."""
    result = hashlib.sha256()
    for name, array in sorted(arrays_of(network).items()):
        result.update(name.encode() + array.tobytes())
    return result.hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("images", type=int)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--step-ms", type=float, default=0)
    given = parser.parse_args()
    options = {"images": given.images, "save_minutes": 0.0, "precision": "fp32"}
    train(given.folder, given.resume, step_ms=given.step_ms, **options)
