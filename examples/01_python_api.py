"""Train a generator and sample from it in five lines of Python.

    python examples/01_python_api.py [OUT] [--subjects N] [--images N]

Simulated brains, so that nothing is downloaded; about a minute on two CPU cores. Needs
brainzoo-atlas and brainzoo-dcgan.
"""

import argparse
import tempfile
from pathlib import Path

from brainzoo.data.pictures import grid
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.preparation.prepare import PrepareConfig, prepare
from brainzoo_atlas.config import AtlasConfig
from brainzoo_atlas.dataset import Atlas
from brainzoo_dcgan.config import DCGANConfig
from brainzoo_dcgan.generator import DCGAN


def main(out: Path, subjects: int, budget: int) -> None:
    """Prepare, train, sample, save."""
    scans = Atlas(AtlasConfig(subjects=subjects))
    images = prepare(scans, PrepareConfig(size=32, sections_mm=(4,)), name="atlas")

    gan = DCGAN(DCGANConfig(base_channels=128, real_label=0.9))
    train = TrainConfig(images=budget, batch_size=8, ema_images=1_000)
    gan.fit(images.where(split="train"), Run(out, train))
    samples = next(gan.sample(32, seed=0))

    gan.save(out / "checkpoint")  # brainzoo.load(out / "checkpoint") brings it back
    (out / "samples.png").write_bytes(grid(samples))
    print(f"{images} of {len(images.subjects())} simulated people")
    print(f"samples: {samples.shape}, from {samples.min():.2f} to {samples.max():.2f}")
    print(f"look at: {out / 'samples.png'}, and at {out / 'progress'} for how it learned")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "out", nargs="?", type=Path, help="a new folder; by default a temporary one"
    )
    parser.add_argument("--subjects", type=int, default=40, help="simulated people")
    parser.add_argument("--images", type=int, default=12_000, help="images seen in training")
    given = parser.parse_args()
    main(given.out or Path(tempfile.mkdtemp(prefix="brainzoo-")), given.subjects, given.images)
