"""Two processes train what one does; as a script, the training itself.

With squared errors: the slope of absolute ones (`--loss l1`) jumps where a pixel is right to the
last digit, and the order of summation decides there. Without dropout, which each process draws.
"""

import os
import subprocess
import sys
from pathlib import Path

from safetensors import safe_open

from brainzoo.images import Images
from brainzoo.run import Run, TrainConfig
from brainzoo.testing.heads import make_images
from brainzoo_vqvae.config import VQVAEConfig
from brainzoo_vqvae.generator import VQVAE

CONFIG = VQVAEConfig(
    widths=(8, 8),
    residual_layers=1,
    codes=16,
    code_length=4,
    loss="l2",
    prior_width=32,
    prior_layers=1,
    prior_dropout=0.0,
)


def train(images: Path, folder: Path) -> None:
    settings = {"batch_size": 8, "device": "cpu", "precision": "fp32", "grids": 0}
    run = Run(folder, TrainConfig(images=160, **settings))
    VQVAE(CONFIG).fit(Images.open(images).where(split="train"), run)


def networks(folder: Path):
    with safe_open(folder / "state" / "state.safetensors", framework="pt") as file:
        return {key: file.get_tensor(key) for key in file.keys() if key.startswith("network")}  # noqa: SIM118


def test_two_processes_train_as_one_in_both_stages(tmp_path):
    make_images(tmp_path / "images", classes=())
    train(tmp_path / "images", tmp_path / "one")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*launcher, __file__, str(tmp_path / "images"), str(tmp_path / "two")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = networks(tmp_path / "one"), networks(tmp_path / "two")
    assert one.keys() == two.keys()
    assert {"autoencoder", "prior"} <= {key.split("/")[1] for key in one}
    for key, value in one.items():
        assert (value - two[key]).abs().max() < 1e-5 * (1 + value.abs().max()), key


if __name__ == "__main__":
    train(*map(Path, sys.argv[1:]))
