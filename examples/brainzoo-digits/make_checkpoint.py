"""Train the checkpoint that this package brings, and write the registry fragment that names it.

    python make_checkpoint.py [--images N] [--version X.Y.Z]

About a minute of one CPU core. The seed decides the weights: the same on any machine whose libraries
sum in the same order, and verified to two of 255 grey levels elsewhere (brainzoo verify).
"""

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.preparation.prepare import PrepareConfig, prepare
from brainzoo.zoo.registry import enlist

from brainzoo_digits.config import DigitsConfig, DigitsGANConfig
from brainzoo_digits.dataset import Digits
from brainzoo_digits.generator import DigitsGAN

NAME = "digits-gan-sevens"
PACKAGE = Path(__file__).parent / "src" / "brainzoo_digits"
TRAIN: dict[str, Any] = {
    "batch_size": 8,
    "ema_images": 4_000,
    "flip": False,
    "device": "cpu",
    "precision": "fp32",
}


def main(package: Path, version: str, images: int) -> None:
    """Train, save inside the package, and list it in the fragment beside it."""
    sevens = prepare(Digits(DigitsConfig()), PrepareConfig(size=16), name="digits")
    gan = DigitsGAN(DigitsGANConfig(base_channels=32))
    with tempfile.TemporaryDirectory() as folder:
        gan.fit(sevens.where(split="train"), Run(Path(folder), TrainConfig(images=images, **TRAIN)))
    checkpoint = package / "checkpoints" / NAME
    shutil.rmtree(checkpoint, ignore_errors=True)
    gan.save(checkpoint)

    enlist(checkpoint, distribution="brainzoo-digits", version=version)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=40_000, help="images seen in training")
    parser.add_argument("--version", default="1.0.0", help="raise it whenever files change")
    given = parser.parse_args()
    main(PACKAGE, given.version, given.images)
