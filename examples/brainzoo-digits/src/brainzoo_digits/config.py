"""The options of the dataset and of the generator."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from brainzoo.api import option


@dataclass(frozen=True)
class DigitsConfig:
    """Which digits."""

    digit: int = option(7, "The digit, 0 to 9.", minimum=0, maximum=9)


@dataclass(frozen=True)
class DigitsGANConfig:
    """The two networks and how they learn."""

    maps: int = option(64, "Feature maps of the widest layer.", minimum=2)
    latent: int = option(32, "Length of the latent, normally distributed.", minimum=1)
    lr: float = option(1e-3, "Learning rate of Adam.", minimum=0)

    # Digits must not be mirrored. With few images many small steps count more than large ones.
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {
            "size": 16,
            "images": 40_000,
            "batch_size": 8,
            "flip": False,
            "ema_images": 4_000,
        }
    }
