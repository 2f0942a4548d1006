"""The options of the dataset ``fastmri``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from brainzoo.api import OptionError, option

CHANNELS = ("T1w", "T2w", "FLAIR", "T1ce")
AXES = ("LR", "AP", "SI")


@dataclass(frozen=True)
class FastMriConfig:
    """Which files, and how they lie."""

    root: Path | None = option(None, "The folder of the .h5 files, at any depth.")
    channels: tuple[str, ...] = option(
        (), "Which contrasts: T1w, T2w, FLAIR, T1ce; all by default.", choices=CHANNELS
    )
    orientation: str = option(
        "LAS", "Where columns, rows and slices run to: the files don't say.", metavar="LETTERS"
    )

    def __post_init__(self) -> None:
        axes = sorted(next((i for i, a in enumerate(AXES) if c in a), -1) for c in self.orientation)
        if axes != [0, 1, 2]:
            raise OptionError(
                f"orientation is {self.orientation!r}; expected a letter of LR, of AP and of SI, "
                "for columns, rows and slices: LAS, for example."
            )
