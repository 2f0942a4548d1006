"""The autoencoder that was trained before, and whether a flow may be trained in its latents."""

from __future__ import annotations

import dataclasses
from typing import Any

from brainzoo.api import DataError, Images, OptionError, checkpoint, load
from brainzoo_flow.config import FlowConfig


def first_stage(config: FlowConfig, images: Images) -> Any:
    """Load what ``--first-stage`` names.

    Raises:
        OptionError: It has no latents with a place in the image, or they cannot be halved often
            enough.
        DataError: It was trained on images of another shape, or on people who may be among those
            that the flow is tested on.
    """
    stage: Any = load(config.first_stage)
    if not hasattr(stage, "autoencoder"):
        raise OptionError(
            f"--first-stage {config.first_stage} is a {stage.name}; expected a model with an "
            "autoencoder whose latents are images, such as a vqvae."
        )
    shape = (images.channels, *images.spatial)
    if stage.shape != shape:
        raise DataError(
            f"--first-stage {config.first_stage} makes images of {stage.shape}; expected {shape}, "
            "as the images to train on."
        )
    sides = stage.autoencoder(stage.ready()).latent
    factor = 2 ** (len(config.widths) - 1)
    if any(side % factor for side in sides):
        raise OptionError(
            f"the latents of --first-stage are {' × '.join(map(str, sides))}; expected multiples "
            f"of {factor}.",
            "Choose fewer --widths.",
        )
    checkpoint.expect_own_people(stage.trained_on, images.subjects(), "--first-stage")
    return stage


def described(stage: Any) -> dict[str, Any]:
    """Return what a checkpoint needs to build the first stage again."""
    values = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in dataclasses.asdict(stage.config).items()
    }
    return {"name": stage.name, "hyperparameters": values}
