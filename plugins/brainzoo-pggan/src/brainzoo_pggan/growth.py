"""How far the networks have grown: a pure function of how much of the budget is spent.

Karras et al. 2018, section 2 and appendix A.1: train at 4 × 4, then alternate between fading in the
layers of twice the resolution and training with them. The paper counts both in images (800,000);
here they are fractions of the budget, so that any budget ends at the full resolution.
"""

from __future__ import annotations

import dataclasses
import math

START = 4
"""Resolution of stage 0."""

TICKS = 1024
"""The fade moves in steps of 1/1024, so that a level is a whole number that checkpoints hold."""


@dataclasses.dataclass(frozen=True)
class Growth:
    """A stage and how far its layers are faded in.

    Attributes:
        stage: 0 makes images of 4 pixels a side, each stage twice as many.
        alpha: Share of the newest layers in the image, in (0, 1]; 1 when they are faded in.
    """

    stage: int
    alpha: float = 1.0

    @property
    def resolution(self) -> int:
        """Edge of the images in pixels."""
        return START << self.stage

    @property
    def level(self) -> int:
        """Stage and fade as one number that only rises, in 1/1024 of a stage."""
        return round((self.stage - 1 + self.alpha) * TICKS)

    @classmethod
    def at(cls, level: int) -> Growth:
        """Return what :attr:`level` stands for."""
        stage = math.ceil(level / TICKS)
        return cls(stage, level / TICKS - stage + 1)


@dataclasses.dataclass(frozen=True)
class Schedule:
    """When which stage is trained.

    The first part of the budget has one period for each stage from the first to the one before the
    last: training of that stage, then fading in of the next. The last stage has the rest.

    Attributes:
        last: The last stage.
        grow: Fraction of the budget after which the last stage is faded in.
        fade: Fraction of each period that is fading.
        first: The first stage that is trained; the layers of those before it are trained with it.
    """

    last: int
    grow: float
    fade: float
    first: int = 0

    def __call__(self, progress: float) -> Growth:
        """Return the growth when this fraction of the budget is spent."""
        first = min(self.first, self.last)
        if progress >= self.grow or first == self.last:
            return Growth(self.last)
        passed, within = divmod(progress / self.grow * (self.last - first), 1)
        stage = first + passed
        fading = within - (1 - self.fade)
        if fading <= 0:
            return Growth(int(stage))
        return Growth(int(stage) + 1, min(TICKS, math.ceil(fading / self.fade * TICKS)) / TICKS)


def last_stage(size: int) -> int:
    """Return the stage at which images have this many pixels a side, a power of two."""
    return size.bit_length() - START.bit_length()
