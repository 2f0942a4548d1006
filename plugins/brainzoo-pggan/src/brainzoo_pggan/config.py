"""Options and presets of PGGAN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from brainzoo.api import OptionError, option

_LEAN: Mapping[str, Any] = {
    "loss": "rpgan",
    "batch_size": 8,
    "base_channels": 128,
    "narrow_from": 8,
    "convolutions": 1,
    "r1_interval": 8,
    "grow_from": 32,
    "fade": 0.4,
    "lr": 6e-3,
    "lr_discriminator": 9e-3,
    "ema_images": 5_000,
    "decay": 0.6,
    "data.sections_mm": (-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0),
    "data.reference_fraction": 0.585,
}


@dataclass(frozen=True)
class PGGANConfig:
    """What decides a PGGAN; the presets are what was best on few subjects."""

    loss: str = option(
        "r1",
        "r1: non-saturating with a penalty on reals (Mescheder 2018); rpgan: relativistic with "
        "R1 + R2 (Huang 2024); wgan-gp (Gulrajani 2017).",
        choices=("r1", "rpgan", "wgan-gp"),
    )
    penalty: float | None = option(
        None,
        "Weight of the gradient penalty: λ of wgan-gp (10), else γ (0.004 × pixels / batch).",
        minimum=0,
    )
    r1_interval: int | None = option(
        None,
        "Steps from one penalty to the next, each weighted to make up for the others; by default "
        "4 on CPUs and for wgan-gp, else 16.",
        minimum=1,
    )
    drift: float = option(1e-3, "Weight of wgan-gp's drift penalty (Karras 2018).", minimum=0)
    flip_every: int = option(
        0, "Swap real and fake in every n-th step of the discriminator; 0: never.", minimum=0
    )
    base_channels: int = option(128, "Channels of the stages of low resolution.", minimum=8)
    narrow_from: int = option(
        16, "Resolution up to which stages are this wide; each one above has half.", minimum=4
    )
    convolutions: int = option(
        2,
        "Convolutions of a stage: 2 (Karras 2018), or 1, with half the multiplications.",
        minimum=1,
        maximum=2,
    )
    latent: int = option(128, "Length of the latent.", minimum=1)
    latent_distribution: str = option(
        "normal", "What latents are drawn from.", choices=("normal", "uniform")
    )
    minibatch_stddev: bool = option(True, "Show the discriminator how much a batch varies.")
    lr: float = option(1e-3, "Learning rate of Adam (Karras 2018).", minimum=0)
    lr_discriminator: float | None = option(
        None, "Learning rate of the discriminator; that of the generator by default.", minimum=0
    )
    beta1: float = option(0.0, "Adam's first decay (Karras 2018).", minimum=0, maximum=0.9999)
    beta2: float = option(0.99, "Adam's second decay (Karras 2018).", minimum=0, maximum=0.9999)
    grow: float = option(
        0.5,
        "Fraction of the budget after which the full resolution is faded in.",
        minimum=0,
        maximum=1,
    )
    grow_from: int = option(
        4,
        "Resolution of the first images; the layers below it are trained from the beginning too.",
        minimum=4,
    )
    fade: float = option(
        0.5, "Fraction of each growing period that is fading.", minimum=0, maximum=1
    )
    batch_sizes: tuple[int, ...] = option(
        (),
        "Images per step at 4, 8, 16, ... pixels, the last one for all larger; else --batch-size.",
    )
    covariates: tuple[str, ...] = option(
        ("age", "sex"),
        "Columns that condition the model besides the class; unknown ones are left out.",
    )
    condition_from: int = option(4, "Resolution from which class and covariates act.", minimum=4)
    diffaugment: tuple[str, ...] = option(
        (),
        "Augment real and fake alike from 16 pixels on (Zhao 2020), any of these.",
        choices=("brightness", "translation", "cutout"),
    )
    vision_aided: str = option(
        "none",
        "A second discriminator that sees slices through a network trained on ImageNet (Kumari "
        "2022): none, or squeezenet, for sharper heads, and fewer different ones.",
        choices=("none", "squeezenet"),
    )
    features_weights: Path | None = option(
        None,
        "Weights of SqueezeNet for --vision-aided squeezenet (a file); else they are downloaded.",
    )
    lr_vision_aided: float = option(1e-3, "Learning rate of the second discriminator.", minimum=0)
    truncation: float = option(
        1.0,
        "Sampling: below 1 draws images towards the mean image of their own condition.",
        minimum=0,
        maximum=2,
        sampling=True,
    )

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # Found on 81 subjects and one CPU core (docs/history.md): the relativistic loss, many small
        # steps at six to nine times the paper's learning rates, which fall for long, one
        # convolution a stage, and no training below 32 × 32: heads come out alike there, for good.
        "quick": {"size": 64, "images": 50_000, "grow": 0.1, **_LEAN},
        "default": {"size": 128, "images": 150_000, "grow": 0.4, **_LEAN},
        # Whole heads: half as wide, for many steps. What it was compared with: docs/history.md.
        "volumes": {
            "size": 32,
            "data.dims": 3,
            "images": 23_000,
            "grow": 0.3,
            "augment_until": 0.75,
            **_LEAN,
            "narrow_from": 4,
            "grow_from": 8,
        },
        # Alam et al. 2020, sections 3 and 4; generator.py says what they leave open.
        "paper": {
            "size": 256,
            "images": 80_000,
            "batch_size": 4,
            "loss": "wgan-gp",
            "r1_interval": 1,
            "flip_every": 3,
            "base_channels": 512,
            "narrow_from": 32,
            "latent": 512,
            "latent_distribution": "uniform",
            "lr": 2e-4,
            "condition_from": 64,
            "covariates": (),
            "ema_images": 2_771,  # 0.999 a step
            "data.patch_size": 256,
            "data.slices_index": (30, 120),
            "data.slices": 91,
            "flip": False,
            "rotate_deg": 0.0,
            "translate": 0.0,
            "zoom": 0.0,
        },
        # Karras et al. 2018, appendix A.1, at 256 × 256: phases of 800,000 images, 12 million in
        # all, averaged weights of 0.999 a step.
        "karras2018": {
            "size": 256,
            "images": 12_000_000,
            "batch_size": 16,
            "batch_sizes": (16, 16, 16, 16, 16, 16, 14),
            "loss": "wgan-gp",
            "r1_interval": 1,
            "base_channels": 512,
            "narrow_from": 32,
            "latent": 512,
            "grow": 0.8,
            "covariates": (),
            "ema_images": 11_085,
            "rotate_deg": 0.0,
            "translate": 0.0,
            "zoom": 0.0,
        },
    }

    def __post_init__(self) -> None:
        for name in ("narrow_from", "condition_from", "grow_from"):
            value = getattr(self, name)
            if value & (value - 1):
                raise OptionError(
                    f"{name} is {value}; expected the resolution of a stage: 4, 8, 16, 32, ..."
                )
        if self.features_weights is not None and self.vision_aided == "none":
            raise OptionError(
                "features_weights are given, but nothing uses them.",
                "Add --vision-aided squeezenet.",
            )
        if self.batch_sizes and min(self.batch_sizes) < 1:
            raise OptionError(f"batch_sizes holds {min(self.batch_sizes)}; expected 1 or more.")

    def batch_size(self, stage: int, otherwise: int) -> int:
        """Return how many images a step of a stage has."""
        if not self.batch_sizes:
            return otherwise
        return self.batch_sizes[min(stage, len(self.batch_sizes) - 1)]

    def check_spatial(self, spatial: tuple[int, ...]) -> None:
        """Refuse sizes that doubling 4 cannot reach, before any data are prepared."""
        if self.vision_aided != "none" and len(spatial) == 3:
            raise OptionError("--vision-aided sees slices; these are volumes.", "Leave it out.")
        size = spatial[0]
        if len(set(spatial)) > 1 or size & (size - 1) or size < 8:
            raise OptionError(
                f"pggan makes images of a power of two on every side, found "
                f"{' × '.join(map(str, spatial))}.",
                "Choose --size 32, 64, 128 or 256.",
            )
