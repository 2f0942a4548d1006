"""The page as one file to send: samples of many settings, drawn beforehand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from brainzoo.api import DataError, console, write_bytes
from brainzoo_show import page, pictures
from brainzoo_show.panes import Pane, Setting, shown_row

STEPS = (9, 7, 5, 3)
"""Places of a slider: as many as leave no more settings than these."""
MOST_SETTINGS = 100
IMAGES = {2: 12, 3: 6}
"""Of each setting, by spatial rank."""
OF_IMAGES = 60
"""Images of a folder."""


def freeze(
    panes: Sequence[Pane],
    path: Path,
    *,
    seed: int = 0,
    images: int | None = None,
    with_real: bool = False,
) -> int:
    """Write the page and return its size in bytes.

    Args:
        panes: What is shown.
        path: The new file; an old one is replaced.
        seed: Of the samples.
        images: Of each setting.
        with_real: Whether images of real people may be in it.

    Raises:
        DataError: There are such images, and nobody allowed that.
    """
    named = [pane.title for pane in panes if pane.people]
    if named and not with_real:
        raise DataError(
            f"{' and '.join(named)}: images of real people, and the page is a file to send.",
            "Add --with-real if they and the licence of the data allow that.",
        )
    described = [_frozen(pane, seed, images or IMAGES[pane.dims]) for pane in panes]
    content = page.frozen(described, seed=seed).encode()
    write_bytes(path, content)
    return len(content)


def _frozen(pane: Pane, seed: int, count: int) -> dict[str, Any]:
    about = pane.describe()
    if about["total"] is not None:
        some = min(about["total"], OF_IMAGES)
        samples = list(_samples(pane, Setting(seed=seed), some, asked=None))
        return {**about, "options": [], "samples": samples, "total": some}
    settings = list(asked_of(about["columns"]))
    samples = []
    with console.progress("drawing samples", len(settings) * count) as advance:
        for asked in settings:
            samples += _samples(pane, Setting(seed=seed, condition=asked), count, asked=asked)
            advance(count)
    return {**about, "options": [], "samples": samples}


def asked_of(columns: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the conditions that are drawn beforehand: each column left open, and its values."""
    for steps in STEPS:
        places = [[None, *(column["levels"] or _steps(column, steps))] for column in columns]
        found = list(itertools.product(*places))
        if len(found) <= MOST_SETTINGS:
            break
    names = [column["name"] for column in columns]
    for values in found[:MOST_SETTINGS]:
        yield {n: v for n, v in zip(names, values, strict=True) if v is not None}


def _steps(column: Mapping[str, Any], steps: int) -> list[float]:
    low, high = column["low"], column["high"]
    digits = 0 if high - low > steps else 2
    places = [round(low + (high - low) * i / (steps - 1), digits) for i in range(steps)]
    return list(dict.fromkeys(places))


def _samples(
    pane: Pane, setting: Setting, count: int, *, asked: Mapping[str, Any] | None
) -> Iterator[dict[str, Any]]:
    for start in range(0, count, pane.batch):
        images = pane.take(setting, start, min(pane.batch, count - start))
        for i, row in enumerate(images.table):
            made = {"index": start + i, "row": shown_row(row), "asked": asked}
            made["tile"] = pictures.as_data(pictures.tile(images, i), "WEBP")
            if pane.dims == 3:
                made["planes"] = pictures.as_data(pictures.planes(images, i), "WEBP")
            yield made
