"""Options and presets of the variational autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from brainzoo.api import OptionError, option

VARIANTS = ("vae", "cevae", "compact")
SMALLEST = 4
"""Pixels of the shortest side where the encoder stops halving; at most twice as many remain."""

_SLICES: Mapping[str, Any] = {
    "batch_size": 16,
    "decay": 0.3,
    "data.sections_mm": (-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0),
    "data.reference_fraction": 0.585,
}
"""As DCGAN's presets: seven neighbouring slices of each person."""


@dataclass(frozen=True)
class VAEConfig:
    """What decides a variational autoencoder."""

    variant: str = option(
        "vae",
        "cevae also fills in masked squares (Zimmerer 2018); compact is its small form (StRegA).",
        choices=VARIANTS,
    )
    base_channels: int = option(
        32, "Channels after the first halving; each further one has twice as many.", minimum=1
    )
    max_channels: int = option(256, "Most channels of a layer.", minimum=1)
    latent: int = option(128, "Length of the latent.", minimum=1)
    beta: float = option(
        1.0, "Weight of the KL divergence; 1 is the likelihood's bound.", minimum=0
    )
    warm_up: float = option(
        0.1, "Fraction of the budget over which beta grows from a tenth.", minimum=0, maximum=1
    )
    variance: str = option(
        "scalar",
        "What the Gaussian likelihood learns: one standard deviation, or one per pixel.",
        choices=("scalar", "pixelwise"),
    )
    context: float = option(
        0.5, "Weight of filling in masked squares (cevae, compact).", minimum=0, maximum=1
    )
    loss: tuple[str, ...] = option(
        (), "Terms against blur, added to the likelihood.", choices=("spectral", "perceptual")
    )
    loss_weight: float = option(1.0, "Weight of each of these terms.", minimum=0)
    features_weights: Path | None = option(
        None, "Weights of SqueezeNet for --loss perceptual (a file); else they are downloaded."
    )
    prior: str = option(
        "mixture",
        "Where samples' latents come from: N(0, I), or Gaussians fitted to the training latents.",
        choices=("normal", "mixture"),
    )
    covariates: tuple[str, ...] = option(
        ("age", "sex"),
        "Columns that condition the model besides the class; unknown ones are left out.",
    )
    unknown: float = option(
        0.1,
        "Fraction of training images whose conditions are hidden, so that the model works without.",
        minimum=0,
        maximum=1,
    )
    lr: float = option(1e-3, "Learning rate of Adam.", minimum=0)

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {
            "size": 64,
            "images": 40_000,
            "base_channels": 16,
            "ema_images": 2_000,
            **_SLICES,
        },
        "default": {"size": 128, "images": 250_000, "ema_images": 5_000, **_SLICES},
        # Chatterjee et al. 2022 (StRegA): slices of 256 pixels; the length of the latent and the
        # widths of the published code. They state neither a budget in images nor conditions.
        "paper": {
            "size": 256,
            "images": 1_000_000,
            "batch_size": 32,
            "variant": "compact",
            "base_channels": 16,
            "max_channels": 1024,
            "latent": 1024,
            "prior": "normal",
            "covariates": (),
            "rotate_deg": 0.0,
            "translate": 0.0,
            "zoom": 0.0,
            "flip": False,
        },
    }

    def __post_init__(self) -> None:
        if self.features_weights is not None and "perceptual" not in self.loss:
            raise OptionError(
                "features_weights are given, but nothing uses them.", "Add --loss perceptual."
            )

    @property
    def fills_in(self) -> bool:
        """Whether the model also learns to fill in masked squares."""
        return self.variant != "vae"

    def check_spatial(self, spatial: tuple[int, ...]) -> None:
        """Refuse sizes that halving does not bring to 4 to 8 pixels, before data are prepared."""
        levels = halvings(spatial)
        left = [side / 2**levels for side in spatial]
        if levels < 1 or any(not side.is_integer() for side in left):
            shape, step = " × ".join(map(str, spatial)), 2 ** max(1, levels)
            fits = max(2 * SMALLEST, round(min(spatial) / step) * step)
            raise OptionError(
                f"vae halves images {max(1, levels)} times to {SMALLEST} to {2 * SMALLEST - 1} "
                f"pixels a side, and {shape} cannot be halved so.",
                f"Choose sides that are multiples of {step}, such as --size {fits}.",
            )


def halvings(spatial: tuple[int, ...]) -> int:
    """Return how often the encoder halves images until the shortest side is under 8 pixels."""
    levels, side = 0, min(spatial)
    while side >= 2 * SMALLEST:
        levels, side = levels + 1, side // 2
    return levels


@dataclass(frozen=True)
class ReconstructionConfig:
    """What the evaluator ``reconstruction`` shows."""

    ages: int = option(6, "Ages of the walk.", minimum=2)
    heads: int = option(5, "Heads of the walk that are shown.", minimum=1)
