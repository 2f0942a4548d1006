"""Options and presets of the VQ-VAE and its prior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from brainzoo.errors import OptionError
from brainzoo.options import option


@dataclass(frozen=True)
class VQVAEConfig:
    """What decides a VQ-VAE and its prior."""

    widths: tuple[int, ...] = option(
        (96, 96, 192), "Feature maps a level; each level halves the image's sides."
    )
    residual_layers: int = option(3, "Residual layers a level.", minimum=0)
    codes: int = option(512, "Codes in the codebook.", minimum=2, maximum=65536)
    code_length: int = option(32, "Numbers a code.", minimum=1)
    distance: str = option(
        "euclidean", "How the nearest code is found.", choices=("cosine", "euclidean")
    )
    code_decay: float = option(
        0.95, "Decay of the codebook's moving averages, a step.", minimum=0, maximum=0.99999
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
        ("age", "sex"), "What the prior is told besides the class; left out where not known."
    )
    temperature: float = option(
        1.0, "Sampling: below 1 makes likely codes likelier.", minimum=0.01, maximum=10
    )
    top_k: int = option(0, "Sampling: only the k likeliest codes; 0 for all.", minimum=0)
    top_p: float = option(
        1.0, "Sampling: only the likeliest codes of this total probability.", minimum=0.01
    )
    checkpointing: bool = option(
        False, "Compute activations twice instead of storing them: large volumes fit."
    )

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise OptionError(
                f"widths is {self.widths}; expected feature maps a level, for example 96,96,192."
            )
        if self.prior_width % 32:
            raise OptionError(f"prior_width is {self.prior_width}; expected a multiple of 32.")
        for name, most in (("prior_share", 0.99), ("top_p", 1.0)):
            if getattr(self, name) > most:
                raise OptionError(f"{name} is {getattr(self, name)}; expected at most {most}.")

    @property
    def factor(self) -> int:
        """Pixels a code, along each side."""
        return int(2 ** len(self.widths))
