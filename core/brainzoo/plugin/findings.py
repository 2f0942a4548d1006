"""What evaluators return: figures with all that is needed to believe them, tables, pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainzoo.data.subjects import Value


@dataclasses.dataclass(frozen=True)
class MetricValue:
    """One measured number with all that is needed to believe it.

    Attributes:
        name: For example ``"SWD 64"``.
        value: The number.
        n: How many images (or subjects, as ``detail`` says) it was computed from.
        low: Lower end of the interval, if there is one.
        high: Upper end of the interval.
        floor: The same quantity of other real people in the place of the synthetic images, at the
            same n; or what chance gives. ``detail`` says which.
        detail: Extractor, hash, unit, protocol: what else a reader must know.
    """

    name: str
    value: float
    n: int
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What an evaluator found.

    Attributes:
        metrics: The numbers, each with n, interval and floor.
        tables: Rows by the table's name.
        pictures: PNG files by name, without ``.png``.
        files: Other small files by name with suffix: what machines read, as ``verdict.json``.
        notes: Sentences that a reader must see before the figures.
    """

    metrics: Sequence[MetricValue] = ()
    tables: Mapping[str, Sequence[Mapping[str, Value]]] = dataclasses.field(default_factory=dict)
    pictures: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    files: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    notes: Sequence[str] = ()
