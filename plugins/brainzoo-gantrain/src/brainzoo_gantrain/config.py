"""Options of GAN-train."""

from __future__ import annotations

from dataclasses import dataclass

from brainzoo.api import OptionError, option
from brainzoo_metrics.options import FeatureOptions


@dataclass(frozen=True)
class GANTrainConfig(FeatureOptions):
    """The features, the class that sensitivity is about, and the curve over real subjects."""

    pooling: str = option(
        "mean+max", "How the map of a layer becomes one vector.", choices=("mean", "mean+max")
    )
    positive: str | None = option(
        None, "Class that sensitivity is about, of two classes. [default: the last]"
    )
    channels: tuple[str, ...] = option(
        (), "Channels that the classifiers see, for example T1w; all by default."
    )
    people: tuple[int, ...] = option(
        (5, 10, 20, 40), "Real training subjects, for the curve; all of them are always there."
    )
    limit: int = option(
        4000, "Real images, and synthetic ones, that a classifier learns from at most.", minimum=16
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        wrong = [count for count in self.people if count < 2]
        if wrong:
            raise OptionError(
                f"people holds {wrong[0]}; expected numbers of subjects from 2 on.",
                "Try for example 5,10,20,40.",
            )


@dataclass(frozen=True)
class SegTrainConfig:
    """The segmenter, and how long each of the three learns."""

    width: int = option(8, "Channels of the segmenter's finest scale.", minimum=4)
    steps: int = option(300, "Steps of training of each segmenter, of 8 images.", minimum=10)

    def __post_init__(self) -> None:
        if self.width % 4:
            raise OptionError(f"width is {self.width}; expected a multiple of 4.", "Try 8 or 16.")
