"""Options and presets of the VQ-VAE and its prior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from brainzoo.api import OptionError, option

_SLICES: Mapping[str, Any] = {
    "decay": 0.3,
    "data.sections_mm": (-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0),
    "data.reference_fraction": 0.585,
}
"""As DCGAN's presets: seven neighbouring slices of each person."""


@dataclass(frozen=True)
class VQVAEConfig:
    """What decides a VQ-VAE and its prior."""

    widths: tuple[int, ...] = option(
        (96, 96, 192), "Channels of each level; each level halves the image's sides."
    )
    residual_layers: int = option(3, "Residual layers per level.", minimum=0)
    codes: int = option(512, "Codes in the codebook.", minimum=2, maximum=65536)
    code_length: int = option(32, "Numbers a code.", minimum=1)
    distance: str = option(
        "euclidean", "How the nearest code is found.", choices=("cosine", "euclidean")
    )
    code_decay: float = option(
        0.95, "Decay of the codebook's moving averages per step.", minimum=0, maximum=0.99999
    )
    commitment: float = option(
        0.25, "Weight of the commitment loss (van den Oord 2017, equation 3).", minimum=0
    )
    loss: str = option("l1", "How pixels are compared.", choices=("l1", "l2"))
    spectral: float = option(
        0.0, "Weight of a loss on Fourier amplitudes (Tudosiu 2022): keeps detail.", minimum=0
    )
    lr: float = option(1e-3, "Learning rate of the autoencoder.", minimum=0)
    prior_share: float = option(
        0.5, "Fraction of the budget that trains the prior, after the autoencoder.", minimum=0.01
    )
    prior_width: int = option(256, "Features of the prior's layers, a multiple of 32.", minimum=32)
    prior_layers: int = option(8, "Layers of the prior.", minimum=1)
    prior_dropout: float = option(0.1, "Dropout in the prior.", minimum=0, maximum=0.9)
    prior_lr: float = option(5e-4, "Learning rate of the prior.", minimum=0)
    covariates: tuple[str, ...] = option(
        ("age", "sex"),
        "Columns that condition the prior besides the class; unknown ones are left out.",
    )
    temperature: float = option(
        1.0,
        "Sampling: below 1 makes likely codes likelier.",
        minimum=0.01,
        maximum=10,
        sampling=True,
    )
    top_k: int = option(
        0, "Sampling: only the k likeliest codes; 0 for all.", minimum=0, sampling=True
    )
    top_p: float = option(
        1.0,
        "Sampling: only the likeliest codes of this total probability.",
        minimum=0.01,
        sampling=True,
    )
    checkpointing: bool = option(
        False, "Compute activations twice instead of storing them: large volumes fit."
    )

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {
            "size": 64,
            "images": 40_000,
            "batch_size": 8,
            "widths": (32, 64),
            "residual_layers": 2,
            "codes": 256,
            "code_length": 16,
            "lr": 2e-3,
            "prior_width": 128,
            "prior_layers": 4,
            "prior_lr": 1e-3,
            "ema_images": 2_000,
            **_SLICES,
        },
        "default": {
            "size": 128,
            "images": 100_000,
            "batch_size": 8,
            "widths": (32, 64, 128),
            "residual_layers": 2,
            "codes": 512,
            "prior_width": 192,
            "prior_layers": 6,
            "ema_images": 5_000,
            **_SLICES,
        },
        # Whole heads at 4 mm. At 1e-3 all latents fell onto one code within a hundred images (IXI).
        "volumes": {
            "lr": 3e-4,
            "data.dims": 3,
            "data.fov_mm": 256.0,
            "size": 64,
            "images": 10_000,
            "batch_size": 2,
            "widths": (32, 64, 128),
            "residual_layers": 2,
            "codes": 512,
            "prior_width": 192,
            "prior_layers": 6,
            "ema_images": 1_000,
            "decay": 0.3,
            "samples": 16,
        },
    }

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise OptionError(f"widths is {self.widths}; expected channels, for example 96,96,192.")
        if self.prior_width % 32:
            raise OptionError(f"prior_width is {self.prior_width}; expected a multiple of 32.")
        for name, most in (("prior_share", 0.99), ("top_p", 1.0)):
            if getattr(self, name) > most:
                raise OptionError(f"{name} is {getattr(self, name)}; expected at most {most}.")

    @property
    def factor(self) -> int:
        """Pixels a code, along each side."""
        return int(2 ** len(self.widths))
