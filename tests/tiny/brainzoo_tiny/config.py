from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from brainzoo.plugin.options import option


@dataclass(frozen=True)
class TinyConfig:
    noise: float = option(0.1, "Standard deviation of the noise.", minimum=0, sampling=True)
    step_ms: int = option(0, "Time that a step takes, in milliseconds.", minimum=0)
    bold: bool = option(False, "Brighter images.")
    fail: str = option("never", "When to fail.", choices=("never", "expected", "unexpected"))

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"images": 64, "size": 16, "noise": 0.2, "data.slices": 2, "samples": 8},
        "default": {"images": 160, "size": 16, "batch_size": 8},
        "endless": {"size": 16},
    }


@dataclass(frozen=True)
class DifferenceConfig:
    power: int = option(1, "Power of the difference.", minimum=1)
