"""Options of GAN-train."""

from __future__ import annotations

from dataclasses import dataclass

from brainzoo.api import FeatureOptions, OptionError, option


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
    fractions: tuple[float, ...] = option(
        (0.1, 0.25, 0.5), "Shares of the real training subjects, for the curve; 1 is always there."
    )
    limit: int = option(
        4000, "Real images, and synthetic ones, that a classifier learns from at most.", minimum=16
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        wrong = [share for share in self.fractions if not 0 < share <= 1]
        if wrong:
            raise OptionError(
                f"fractions holds {wrong[0]:g}; expected shares above 0, up to 1.",
                "Try for example 0.1,0.25,0.5.",
            )
