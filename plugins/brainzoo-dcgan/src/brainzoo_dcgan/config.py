"""Options and presets of DCGAN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from brainzoo.errors import OptionError
from brainzoo.options import option

AUGMENTATIONS = ("brightness", "translation", "cutout")


@dataclass(frozen=True)
class DCGANConfig:
    """What decides a DCGAN; the defaults are Kazuhiro et al. 2018 where they state them."""

    maps: int = option(
        256, "Feature maps of the widest layer; each following layer has half.", minimum=8
    )
    latent: int = option(100, "Length of the latent, uniform in [-1, 1].", minimum=1)
    lr: float = option(2e-4, "Learning rate of Adam (Radford 2016, section 4).", minimum=0)
    lr_discriminator: float | None = option(
        None, "Learning rate of the discriminator, if it is to differ.", minimum=0
    )
    beta1: float = option(0.5, "Adam's first decay (Radford 2016, section 4).", minimum=0)
    real_label: float = option(
        1.0,
        "The discriminator's target for real images; 0.9 is one-sided smoothing (Salimans 2016).",
        minimum=0.5,
        maximum=1,
    )
    diffaugment: tuple[str, ...] = option(
        (), "Augment real and fake alike: any of brightness,translation,cutout (Zhao 2020)."
    )

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {
            "size": 64,
            "maps": 128,
            "batch_size": 16,
            "images": 120_000,
            "ema_images": 5_000,
            "real_label": 0.9,
        },
        "default": {
            "size": 64,
            "batch_size": 16,
            "images": 800_000,
            "real_label": 0.9,
        },
        "paper": {
            "size": 256,
            "batch_size": 64,
            "images": 35 * 2_328_480,
            "rotate_deg": 0.0,
            "translate": 0.0,
            "ema_images": 0,
        },
    }

    def __post_init__(self) -> None:
        unknown = set(self.diffaugment) - set(AUGMENTATIONS)
        if unknown:
            raise OptionError(
                f"diffaugment knows no {', '.join(sorted(unknown))}; it knows "
                f"{', '.join(AUGMENTATIONS)}."
            )
        if self.maps % 8:
            raise OptionError(
                f"maps is {self.maps}; expected a multiple of 8: it is halved thrice."
            )
