"""Charts as SVG: small, sharp at any size, readable by a screen reader.

Texts take the colour of the page that a chart is put into; :func:`as_picture` gives it a white
ground, to stand alone.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from brainzoo_report.templates import filled

WIDTH, HEIGHT = 440, 260
LEFT, RIGHT, TOP, BOTTOM = 48, 14, 30, 42
LINE, LETTER = 15, 8  # pixels from line to line, and of a letter
POINTS = 400  # drawn of a line at most
COLOURS = ("#00838a", "#c2571a", "#7a68c9", "#7d7a00")  # distinct in light, in dark and by dashes
DASHES = ("none", "9 3", "3 3", "12 3 3 3")
MEASURED = ("value", "low", "high", "floor")
ROW = 16  # pixels of a value of a small plot

Numbers = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Line:
    """One named curve, perhaps with intervals; values that are not finite are left out."""

    name: str
    x: Sequence[float] | Numbers
    y: Sequence[float] | Numbers
    low: Sequence[float] | Numbers | None = None
    high: Sequence[float] | Numbers | None = None


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    x_label: str,
    y_range: tuple[float, float] | None = None,
    levels: Mapping[str, float] | None = None,
    x_names: Sequence[str] | None = None,
    smoothed: bool = False,
) -> Markup:
    """Draw at most four curves, with intervals where they have them, and a legend, as SVG.

    Args:
        lines: Colour and dashes distinguish them; without a value the SVG is empty.
        title: What a screen reader says.
        x_label: What the horizontal axis counts.
        y_range: Of the vertical axis; by default what holds nearly all values.
        levels: Named horizontal dashed lines to compare with.
        x_names: Names of the places 0, 1, ... instead of numbers.
        smoothed: Draw each curve faintly, and its running mean over it.
    """
    curves = [(line, *_finite(line)) for line in lines]
    curves = [curve for curve in curves if len(curve[1])]
    levels = levels or {}
    if not curves:
        return Markup("")
    ends = [np.asarray(e, float) for c in curves for e in (c[0].low, c[0].high) if e is not None]
    x_low, x_high = min(0.0, *(float(x.min()) for _, x, _ in curves)), 1e-9
    x_high = max(x_high, *(float(x.max()) for _, x, _ in curves))
    if x_names:
        x_low, x_high = -0.5, len(x_names) - 0.5
    shown = np.concatenate([*(y for _, _, y in curves), *ends, list(levels.values())])
    y_low, y_high = y_range or _range(shown[np.isfinite(shown)], cut=not x_names)
    y_ticks = ticks(y_low, y_high, 5)
    if y_range is None:
        y_low, y_high = min(y_low, y_ticks[0]), max(y_high, y_ticks[-1])

    def across(x: Any) -> Numbers:
        return LEFT + (np.asarray(x) - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)

    def down(y: Any) -> Numbers:
        share = np.clip((np.asarray(y) - y_low) / (y_high - y_low), -0.02, 1.02)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def points(x: Numbers, y: Numbers) -> str:
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, down(y), strict=True))

    drawn = []
    for i, (line, x, y) in enumerate(curves):
        held = line.low is not None and line.high is not None
        shift = 4 * i if held else 0  # so that intervals do not hide each other
        intervals = (across(line.x) + shift, down(line.low), down(line.high)) if held else ((),) * 3
        moved = across(x) + shift
        faint, bold = (points(moved, y), smooth(y)) if smoothed else ("", y)
        drawn.append(
            {
                "intervals": zip(*intervals, strict=True),
                "faint": faint,
                "points": points(moved, bold),
            }
        )
    places = enumerate(x_names) if x_names else ((x, short(x)) for x in ticks(x_low, x_high, 5))
    widths = [44 + 7 * len(line.name) for line, _, _ in curves]
    starts = itertools.accumulate(widths[:-1], initial=LEFT)
    return _svg(
        title,
        ticks=[(float(down(y)), short(y)) for y in y_ticks],
        levels=[(float(down(y)), name) for name, y in levels.items()],
        texts=[
            *((float(across(x)), HEIGHT - BOTTOM + 18, name) for x, name in places),
            ((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, x_label),
        ],
        curves=drawn,
        legend=[(x, line.name) for x, (line, _, _) in zip(starts, curves, strict=True)],
    )


def bar_chart(
    bars: Mapping[str, float],
    *,
    title: str,
    x_label: str,
    texts: Sequence[str] | None = None,
    most: float | None = None,
) -> Markup:
    """Draw upright bars by name with their ``texts`` above, by default their heights.

    ``most`` is the height of a full bar; by default the tallest. Names that are wider than their
    bars are written in two lines.
    """
    if not bars:
        return Markup("")
    most = most or max(1.0, *bars.values())
    step = (WIDTH - 2 * RIGHT) / len(bars)
    narrow = max(map(len, bars)) * LETTER > step
    lines = [name.rsplit(" ", 1) if narrow else [name] for name in bars]
    floor = HEIGHT - BOTTOM - LINE * (max(map(len, lines)) - 1)
    drawn, said = [], [(WIDTH / 2, float(HEIGHT - 5), x_label)]
    for i, count in enumerate(bars.values()):
        x, tall = RIGHT + i * step, count / most * (floor - TOP - 18)
        drawn.append((x + 2, floor, tall, step - 4))
        text = texts[i] if texts else short(count) if count else ""
        said.append((x + step / 2, floor - tall - 6, text))
        for row, line in enumerate(lines[i]):
            said.append((x + step / 2, floor + 18 + LINE * row, line))
    return _svg(title, bars=drawn, texts=said)


def interval_plot(
    values: Sequence[Mapping[str, float | None] | None], title: str = "", *, width: int = 120
) -> Markup:
    """Draw a dot at each value, a line over its interval, and a dashed upright at its floor.

    ``values`` hold ``value``, ``low``, ``high`` and ``floor`` of each row, on one common scale.
    Without a title, the plot is decoration; it is empty where there is nothing to compare.
    """
    rows = [{key: one.get(key) if one else None for key in MEASURED} for one in values]
    known = [n for row in rows for n in row.values() if n is not None]
    if not known or min(known) == max(known):
        return Markup("")
    scale = (width - 16) / (max(known) - min(known))
    placed = [
        {
            key: None if n is None else f"{8 + (n - min(known)) * scale:.1f}"
            for key, n in row.items()
        }
        for row in rows
    ]
    return _svg(title, "plot", width, ROW * len(rows), rows=placed)


def as_picture(svg: str) -> bytes:
    """Return a chart as the content of a file, on white ground."""
    head, end, rest = svg.partition(">")
    return f'{head}{end}<rect width="100%" height="100%" fill="#fff"/>{rest}'.encode()


def smooth(values: Numbers) -> Numbers:
    """Return the running mean over a tenth of the values; its window is cut at the ends."""
    window = np.ones(2 * max(1, len(values) // 20) + 1)
    half = len(window) // 2
    sums, counts = (np.convolve(v, window)[half:-half] for v in (values, np.ones(len(values))))
    return np.asarray(sums / counts)


def ticks(low: float, high: float, about: int) -> list[float]:
    """Return round numbers that cover a range, about as many as wanted, within it."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.99)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def short(value: float) -> str:
    """Write a number in few characters: ``12k``, ``1.5M``, ``0.25``."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.3g}".replace("-", "−")


def _finite(line: Line) -> tuple[Numbers, Numbers]:
    x, y = np.asarray(line.x, np.float64), np.asarray(line.y, np.float64)
    keep = np.isfinite(x) & (np.abs(y) < 1e30)  # also drops NaN
    x, y = x[keep], y[keep]
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), POINTS)).astype(int))
    return x[chosen], y[chosen]


def _range(values: Numbers, *, cut: bool) -> tuple[float, float]:
    bottom, top = (float(v) for v in np.percentile(values, [1, 99] if cut else [0, 100]))
    if top - bottom < 1e-9 * max(1.0, abs(top)):
        return bottom - 0.5, top + 0.5
    return bottom, top


def _svg(
    title: str, kind: str = "chart", width: int = WIDTH, height: int = HEIGHT, **values: Any
) -> Markup:
    sizes = {"width": width, "height": height, "left": LEFT, "right": WIDTH - RIGHT}
    looks = {"kind": kind, "colours": COLOURS, "dashes": DASHES}
    return filled("charts.svg.j2", title=title, **sizes, **looks, **values)
