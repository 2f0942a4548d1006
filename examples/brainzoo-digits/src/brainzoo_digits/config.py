"""The options of the dataset and of the generator."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from brainzoo.api import OptionError, option


@dataclass(frozen=True)
class DigitsConfig:
    """Which digits."""

    digit: int = option(7, "The digit, 0 to 9.", minimum=0, maximum=9)


@dataclass(frozen=True)
class DigitsGANConfig:
    """The two networks and how they learn."""

    base_channels: int = option(64, "Channels of the widest layer.", minimum=2)
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

    def check_spatial(self, spatial: tuple[int, ...]) -> None:
        """Refuse shapes that it cannot make, before any data are prepared."""
        if len(spatial) != 2 or any(side % 4 for side in spatial):
            shape = " × ".join(map(str, spatial))
            raise OptionError(
                f"digits-gan makes 2-D images whose sides are multiples of 4, found {shape}.",
                "Try --size 16.",
            )
