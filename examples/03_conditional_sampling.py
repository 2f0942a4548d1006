"""Train on two classes, then ask for one of them, and export it as NIfTI.

    python examples/03_conditional_sampling.py [OUT] [--subjects N] [--images N]

Young and old simulated brains: in the old ones the ventricles are wider. About a minute on two CPU
cores. Needs brainzoo-atlas and brainzoo-dcgan.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from brainzoo import Images, load
from brainzoo.data.pictures import grid
from brainzoo.exporters.nifti import Nifti
from brainzoo.exporters.plugin import NiftiConfig
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.preparation.prepare import PrepareConfig, prepare
from brainzoo.runs.learning import training_images
from brainzoo_atlas.config import AtlasConfig
from brainzoo_atlas.dataset import Atlas
from brainzoo_dcgan.config import DCGANConfig
from brainzoo_dcgan.generator import DCGAN


def darkness(images: Images) -> float:
    """Return how dark the central quarter of the images is, on average."""
    return float(1 - images.floats()[:, :, 8:24, 8:24].mean())


def main(out: Path, subjects: int, budget: int) -> None:
    """Prepare with classes, train, sample each class, export the old ones."""
    images = prepare(
        Atlas(AtlasConfig(subjects=subjects)),
        PrepareConfig(size=32, sections_mm=(4,)),  # through the lateral ventricles
        name="atlas",
        classes={"young": "age < 40", "old": "age > 60"},
    )

    run = Run(out / "run", TrainConfig(images=budget, batch_size=8, ema_images=1_000))
    gan = DCGAN(DCGANConfig(base_channels=128, real_label=0.9))
    gan.fit(training_images(images), run)  # the training split, without those in no class
    gan.save(run.checkpoint)

    # The same from the command line: brainzoo sample RUN -n 64 --condition class=old --out OLD
    generator = load(run.checkpoint)
    made = {
        name: generator.write_images(out / name, 64, seed=0, condition={"class": name})
        for name in ("young", "old")
    }
    files = Nifti(NiftiConfig(limit=8)).export(made["old"], out / "nifti")

    print("how dark the middle of the brain is (0 to 1): wider ventricles, darker")
    for name, synthetic in made.items():
        real = images.where(**{"class": name})
        print(f"    {name}: {darkness(synthetic):.3f} in new images, real {darkness(real):.3f}")
    sidecar = next(path for path in files if path.suffix == ".json")
    print(f"exported {len(files)} files; {sidecar.name} says:")
    for key, value in list(json.loads(sidecar.read_text()).items())[:6]:
        print(f"    {key}: {value}")
    rows = np.concatenate([made[name].floats()[:8] for name in ("young", "old")])
    (out / "young_old.png").write_bytes(grid(rows, row_labels=["young", "old"]))
    print(f"look at: {out / 'young_old.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "out", nargs="?", type=Path, help="a new folder; by default a temporary one"
    )
    parser.add_argument("--subjects", type=int, default=60, help="simulated people")
    parser.add_argument("--images", type=int, default=12_000, help="images seen in training")
    given = parser.parse_args()
    main(given.out or Path(tempfile.mkdtemp(prefix="brainzoo-")), given.subjects, given.images)
