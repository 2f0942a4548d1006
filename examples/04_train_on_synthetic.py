"""Train a classifier on real and synthetic images together, in plain PyTorch.

    python examples/04_train_on_synthetic.py [OUT] [--subjects N] [--images N] [--steps N]

Few young and old simulated people, and as many new images as you like of a generator that learned
from them. One or two minutes on two CPU cores. Needs brainzoo-atlas and brainzoo-dcgan.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, Dataset, RandomSampler

import brainzoo
from brainzoo.data.pictures import grid
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.preparation.prepare import PrepareConfig, prepare
from brainzoo.runs.learning import training_images
from brainzoo_atlas.config import AtlasConfig
from brainzoo_atlas.dataset import Atlas
from brainzoo_dcgan.config import DCGANConfig
from brainzoo_dcgan.generator import DCGAN


def main(out: Path, subjects: int, budget: int, steps: int) -> None:
    """Prepare, train a generator, then classifiers on real, synthetic and both."""
    images = prepare(
        Atlas(AtlasConfig(subjects=subjects)),
        PrepareConfig(size=32, sections_mm=(4,)),  # through the lateral ventricles
        name="atlas",
        classes={"young": "age < 40", "old": "age > 60"},
    )
    # Yours may be a name of `brainzoo list` instead: brainzoo.synthetic("pggan-ixi-64", n=10_000).
    gan = DCGAN(DCGANConfig(base_channels=128, real_label=0.9))
    gan.fit(training_images(images), Run(out, TrainConfig(images=budget, batch_size=8)))
    gan.save(out / "checkpoint")

    synthetic = brainzoo.synthetic(out / "checkpoint", n=512, seed=0)
    train = brainzoo.as_torch(images.where(split="train"), classes=synthetic.classes)
    test = brainzoo.as_torch(images.where(split="test"), classes=synthetic.classes)
    both: ConcatDataset[Any] = ConcatDataset([train, synthetic])
    print(f"accuracy among {len(test)} images of other people, of a classifier trained on")
    print(f"    {len(train)} real images: {accuracy(train, test, steps):.0%}")
    print(f"    {len(synthetic)} synthetic images: {accuracy(synthetic, test, steps):.0%}")
    print(f"    both: {accuracy(both, test, steps):.0%}")

    first = torch.stack([synthetic[i][0] for i in range(32)])
    (out / "synthetic.png").write_bytes(grid(first.numpy()))
    print(f"look at: {out / 'synthetic.png'}")


def accuracy(train: Dataset[Any], test: Dataset[Any], steps: int) -> float:
    """Train a small classifier and return how often it is right."""
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU()),
        *(nn.Flatten(), nn.Dropout(0.2), nn.Linear(32 * 8 * 8, 2)),
    )
    adam = torch.optim.Adam(network.parameters(), 1e-3)
    chosen = RandomSampler(train, replacement=True, num_samples=16 * steps)  # type: ignore[arg-type]
    for pixels, labels in DataLoader(train, batch_size=16, sampler=chosen):
        adam.zero_grad()
        loss = nn.functional.cross_entropy(network(pixels), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
    network.eval()
    with torch.inference_mode():
        right = [network(x).argmax(1) == y for x, y in DataLoader(test, batch_size=64)]
    return float(torch.cat(right).float().mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "out", nargs="?", type=Path, help="a new folder; by default a temporary one"
    )
    parser.add_argument("--subjects", type=int, default=60, help="simulated people")
    parser.add_argument("--images", type=int, default=12_000, help="images seen by the generator")
    parser.add_argument("--steps", type=int, default=500, help="of training each classifier")
    given = parser.parse_args()
    out = given.out or Path(tempfile.mkdtemp(prefix="brainzoo-"))
    main(out, given.subjects, given.images, given.steps)
