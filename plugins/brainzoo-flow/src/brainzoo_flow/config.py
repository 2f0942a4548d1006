"""Options and presets of the flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from brainzoo.api import OptionError, option

BLOCKS = {"pixels": 1, "haar": 2, "cosine": 4}
"""Pixels per side that each packing takes together."""

GROUPS = 8
"""Of each group normalisation: widths are multiples of it."""

_RECIPE: Mapping[str, Any] = {
    "batch_size": 16,
    "decay": 0.4,
    "ema_images": 8_000,
    "teacher": "mosaic",  # sharper than bent people, and tells less of them
    "augment_fraction": 0.0,
    "rotate_deg": 5.0,
    "zoom": 0.05,
    "elastic_mm": 1.75,
}
_SLICES: Mapping[str, Any] = {
    "data.sections_mm": (-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0),
    "data.reference_fraction": 0.585,
}
"""As the other presets: seven neighbouring slices of each person."""


@dataclass(frozen=True)
class FlowConfig:
    """What decides a flow."""

    space: str = option(
        "cosine",
        "What the network sees: pixels, or blocks of 2 (haar) or 4 (cosine) per side; lossless.",
        choices=tuple(BLOCKS),
    )
    first_stage: str = option(
        "",
        "Flow in the latents of this trained vqvae instead: a name, a run or a checkpoint.",
    )
    widths: tuple[int, ...] = option(
        (48, 96, 128), "Channels of each level; each level is half as large.", minimum=GROUPS
    )
    blocks: int = option(2, "Residual blocks per level.", minimum=1)
    attention: int = option(1, "How many of the lowest levels have attention.", minimum=0)
    embedding: int = option(192, "Length of the embedding of time and conditions.", minimum=1)
    prediction: str = option("image", "What the network predicts.", choices=("image", "velocity"))
    time_shift: float = option(
        -1.0, "Mean of the logit of training times; above 0 nearer to the image."
    )
    time_spread: float = option(
        1.0,
        "Standard deviation of the logit of training times; above 1 more at both ends.",
        minimum=0,
    )
    covariates: tuple[str, ...] = option(
        ("age", "sex"),
        "Columns that condition the model besides the class; unknown ones are skipped.",
    )
    unknown: float = option(
        0.1,
        "Fraction of training images whose conditions are hidden, so that the model works without.",
        minimum=0,
        maximum=1,
    )
    lr: float = option(1.5e-3, "Learning rate of Muon and AdamW.", minimum=0)
    weight_decay: float = option(0.01, "Weight decay of both.", minimum=0)
    steps: int = option(6, "Steps from noise to image.", minimum=1, sampling=True)
    solver: str = option(
        "multistep",
        "multistep and euler ask the network once per step, heun twice.",
        choices=("multistep", "heun", "euler"),
        sampling=True,
    )
    guidance: float = option(
        1.0,
        "Above 1 exaggerates the condition: clearer, less varied, twice as slow.",
        minimum=0,
        sampling=True,
    )
    fast: bool = option(
        False,
        "Draw in bf16: twice as fast where the processor has it; images differ by a grey level.",
        sampling=True,
    )

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {
            "size": 64,
            "images": 30_000,
            "widths": (32, 64, 96),
            **_RECIPE,
            **_SLICES,
            "teacher_samples": 4_000,
            "grids": 12,
        },
        "default": {"size": 128, "images": 80_000, **_RECIPE, **_SLICES},
        "volumes": {
            "size": 56,
            "data.dims": 3,
            "data.spacing_mm": 4.0,
            "images": 60_000,
            "widths": (64, 96),
            "blocks": 1,
            **_RECIPE,
            "batch_size": 4,
            "ema_images": 2_000,
            "teacher_samples": 1_500,
            "augment_fraction": 0.5,
            "elastic_mm": 4.0,
            "grids": 8,
        },
    }

    def __post_init__(self) -> None:
        odd = [width for width in self.widths if width % GROUPS]
        if odd or not self.widths:
            raise OptionError(
                f"widths are {', '.join(map(str, self.widths)) or 'empty'}; expected multiples "
                f"of {GROUPS}."
            )

    def check_spatial(self, spatial: tuple[int, ...]) -> None:
        """Refuse sizes that the packing and the halvings do not divide.

        Args:
            spatial: (height, width) or (x, y, z).

        Raises:
            OptionError: A side is not a multiple of what is taken together.
        """
        if self.first_stage:
            return  # its latents are looked at when it is loaded
        factor = BLOCKS[self.space] * 2 ** (len(self.widths) - 1)
        if any(side % factor or side < 2 * factor for side in spatial):
            shape = " × ".join(map(str, spatial))
            raise OptionError(
                f"flow needs sides that are multiples of {factor}, at least {2 * factor}; found "
                f"{shape}.",
                f"Choose another --size, such as {4 * factor}, or fewer --widths.",
            )
