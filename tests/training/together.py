"""Trainings of every generator that several processes share; as a script, one of the processes.

Usage: torchrun --nproc-per-node N together.py IMAGES TRAINING...

A training is KIND:FOLDER; the folder's name is the generator's, the kind whole, stopped or resumed.
Of the kind timed, the tiny network of the other tests trains for two seconds. Processes that train
together then write what each of them found into IMAGES/../RANK.json.
"""

import json
import signal
import sys
from pathlib import Path

from torch.optim.optimizer import register_optimizer_step_post_hook

from brainzoo.common import launch
from brainzoo.data.images import Images
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.run import Run, TrainConfig

BATCH, STEPS = 16, 6
SEED = 2
STOPPED_AFTER = 4  # calls of any optimiser

# The mathematics is smooth in all of them: no absolute errors, no dropout of each process's own.
# The seed matters: the first steps of Adam move a weight by the sign of its gradient alone, and one
# that is zero but for the last digit sends the runs apart: with PGGAN, three of the seeds 1 to 4,
# by what a step of one bias makes.
OPTIONS = {
    "dcgan": {"base_channels": 8, "latent": 8},
    "pggan": {
        "base_channels": 8,
        "latent": 8,
        "r1_interval": 2,
        "loss": "rpgan",
        "convolutions": 1,
    },
    "vae": {"base_channels": 4, "latent": 8},
    "vqvae": {
        "widths": (8, 8),
        "residual_layers": 1,
        "codes": 16,
        "code_length": 4,
        "loss": "l2",
        "prior_width": 32,
        "prior_layers": 1,
        "prior_dropout": 0.0,
    },
}


def train(name: str, images: Images, folder: Path, *, resume: bool = False) -> None:
    """Train one generator for a few steps."""
    spec = plugins().get("generator", name)
    settings = {"batch_size": BATCH, "accumulate": 2 if name == "dcgan" else 1, "grids": 1}
    train = TrainConfig(
        images=BATCH * STEPS, seed=SEED, ema_images=100, device="cpu", precision="fp32", **settings
    )
    generator = plugins().load("generator", name)(spec.config(**OPTIONS[name]))
    generator.fit(images.where(split="train"), Run(folder, train, resume))


def stop(name: str, images: Images, folder: Path) -> None:
    """Train until a signal comes to the last of the processes."""
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == STOPPED_AFTER and launch.index() == launch.processes() - 1:
            signal.raise_signal(signal.SIGTERM)

    hook = register_optimizer_step_post_hook(count)
    try:
        train(name, images, folder)
    except KeyboardInterrupt:
        return
    finally:
        hook.remove()
    raise RuntimeError(f"{name} did not stop")


def timed(folder: Path, images: Images) -> None:
    """Let the processes end a budget of time together, and compare a gradient of theirs."""
    import penalty
    import tiny

    network = tiny.train(folder, images=None, minutes=0.03)
    found = {"weights": tiny.digest(network), "penalty": penalty.difference()}
    (images.folder.parent / f"{launch.index()}.json").write_text(json.dumps(found))


def main(images: Images, trainings: list[str]) -> None:
    """Do one training after the other."""
    for word in trainings:
        kind, _, place = word.partition(":")
        folder = Path(place)
        if kind == "stopped":
            stop(folder.name, images, folder)
        elif kind == "timed":
            timed(folder, images)
        else:
            train(folder.name, images, folder, resume=kind == "resumed")


if __name__ == "__main__":
    main(Images.open(Path(sys.argv[1])), sys.argv[2:])
