"""Options and presets of DCGAN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from brainzoo.api import OptionError, option

_TUNED: Mapping[str, Any] = {
    "batch_size": 16,
    "base_channels": 128,
    "lr": 1e-3,
    "lr_discriminator": 4e-4,
    "real_label": 0.9,
    "ema_images": 5_000,
    "decay": 0.3,
    "data.sections_mm": (-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0),
    "data.reference_fraction": 0.585,
}


@dataclass(frozen=True)
class DCGANConfig:
    """What decides a DCGAN; the defaults are Kazuhiro et al. 2018 where they state them."""

    base_channels: int = option(
        256, "Channels of the widest layer; each following layer has half.", minimum=8
    )
    latent: int = option(100, "Length of the latent, uniform in [-1, 1].", minimum=1)
    lr: float = option(2e-4, "Learning rate of Adam (Radford 2016, section 4).", minimum=0)
    lr_discriminator: float | None = option(
        None, "Learning rate of the discriminator, if it differs.", minimum=0
    )
    beta1: float = option(0.5, "Adam's first decay (Radford 2016, section 4).", minimum=0)
    real_label: float = option(
        1.0,
        "The discriminator's target for real images; 0.9 is one-sided smoothing (Salimans 2016).",
        minimum=0.5,
        maximum=1,
    )
    covariates: tuple[str, ...] = option(
        (), "Columns (age, sex, ...) that condition the model besides the class."
    )
    diffaugment: tuple[str, ...] = option(
        (),
        "Augment real and fake alike (Zhao 2020), any of these.",
        choices=("brightness", "translation", "cutout"),
    )

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # Found on 97 IXI subjects (docs/history.md): few levels, many small updates, a generator
        # that learns faster than the discriminator, learning rates that fall at the end.
        "quick": {"size": 64, "images": 160_000, **_TUNED},
        "default": {"size": 128, "images": 400_000, **_TUNED},
        # Kazuhiro et al. 2018, Methodology. Of the 48,510 turned sections of each scan, 40 turned
        # copies of five sections are stored; mirroring happens while training.
        "paper": {
            "size": 256,
            "images": 35 * 2_328_480,
            "batch_size": 64,
            "data.fov_mm": 240.0,
            "data.sections_mm": (-4.0, -2.0, 0.0, 2.0, 4.0),
            "data.rotations": 40,
            "rotate_deg": 0.0,
            "translate": 0.0,
            "zoom": 0.0,
        },
    }

    def __post_init__(self) -> None:
        if self.base_channels % 8:
            raise OptionError(
                f"base_channels is {self.base_channels}; expected a multiple of 8: it is halved "
                "three times."
            )

    def check_spatial(self, spatial: tuple[int, ...]) -> None:
        """Refuse sizes that four doublings cannot reach, before any data are prepared."""
        size, least = spatial[0], 32 if len(spatial) == 2 else 16
        if len(set(spatial)) > 1 or size & (size - 1) or size < least:
            shape = " × ".join(map(str, spatial))
            raise OptionError(
                f"dcgan makes images of a power of two on every side, found {shape}.",
                f"Choose --size {least}, {2 * least}, {4 * least} or {8 * least}.",
            )
