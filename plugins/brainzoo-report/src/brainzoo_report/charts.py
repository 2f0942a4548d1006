"""Line and bar charts as inline SVG, coloured by the page's style sheet."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

WIDTH, HEIGHT = 440, 250
LEFT, RIGHT, TOP, BOTTOM = 48, 14, 14, 42
PLOT_WIDTH = 120  # of the small plot beside a figure
POINTS = 400  # drawn of a line at most


@dataclasses.dataclass(frozen=True)
class Line:
    """One named curve; values that are not finite are left out."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    x_label: str,
    y_range: tuple[float, float] | None = None,
    reference: float | None = None,
) -> Markup:
    """Draw each curve twice: as it is, faintly, and smoothed.

    Args:
        lines: At most four are told apart by colour and dashes.
        title: What a screen reader says.
        x_label: What the horizontal axis counts, from 0 on.
        y_range: Of the vertical axis; by default what holds nearly all values.
        reference: Where to draw a horizontal dashed line.
    """
    curves = [(line.name, *_finite(line)) for line in lines]
    curves = [curve for curve in curves if len(curve[1])]
    if not curves:
        return Markup("")
    x_low, x_high = 0.0, max(1.0, *(float(x.max()) for _, x, _ in curves))
    y_low, y_high = y_range or _range(np.concatenate([y for _, _, y in curves]), 1, 99)
    x_ticks, y_ticks = ticks(x_low, x_high, 5), ticks(y_low, y_high, 5)
    if y_range is None:
        y_low, y_high = min(y_low, y_ticks[0]), max(y_high, y_ticks[-1])

    def place(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
        across = LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)
        share = np.clip((y - y_low) / (y_high - y_low), -0.02, 1.02)
        down = HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, down, strict=True))

    def level(y: float) -> float:
        return HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)

    parts = [_open(title)]
    for y in y_ticks:
        parts.append(f'<path class="rule" d="M{LEFT} {level(y):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(_text(LEFT - 7, level(y) + 4, short(y), "end"))
    for x in x_ticks:
        across = LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)
        parts.append(_text(across, HEIGHT - BOTTOM + 18, short(x), "middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, x_label, "middle"))
    if reference is not None:
        parts.append(
            f'<path class="reference" d="M{LEFT} {level(reference):.1f}H{WIDTH - RIGHT}"/>'
        )
    for i, (_, xs, ys) in enumerate(curves):
        parts.append(f'<polyline class="raw tone-{i % 4}" points="{place(xs, ys)}"/>')
    for i, (_, xs, ys) in enumerate(curves):
        parts.append(f'<polyline class="smooth tone-{i % 4}" points="{place(xs, smooth(ys))}"/>')
    return Markup("".join(parts) + "</svg>")  # every text in it was escaped by _text and _open


def bar_chart(bars: Mapping[str, float], *, title: str, x_label: str) -> Markup:
    """Draw upright bars with their counts above: a histogram."""
    if not bars:
        return Markup("")
    most = max(max(bars.values()), 1)
    step = (WIDTH - 2 * RIGHT) / len(bars)
    floor = HEIGHT - BOTTOM
    parts = [_open(title)]
    for i, (name, count) in enumerate(bars.items()):
        x = RIGHT + i * step
        tall = count / most * (floor - TOP - 18)
        parts.append(
            f'<rect class="bar" x="{x + 2:.1f}" y="{floor - tall:.1f}" width="{step - 4:.1f}" '
            f'height="{tall:.1f}" rx="2"/>'
        )
        if count:
            parts.append(_text(x + step / 2, floor - tall - 6, short(count), "middle"))
        parts.append(_text(x + step / 2, floor + 18, name, "middle"))
    parts.append(_text(WIDTH / 2, HEIGHT - 5, x_label, "middle"))
    return Markup("".join(parts) + "</svg>")  # every text in it was escaped by _text and _open


def interval_plot(
    value: float | None, low: float | None, high: float | None, floor: float | None
) -> Markup:
    """Draw a dot at a value, a line over its interval, and a dashed upright at its floor.

    The scale is the figure's own; nothing is drawn without an interval or a floor.
    """
    known = [number for number in (value, low, high, floor) if number is not None]
    if value is None or min(known) == max(known):
        return Markup("")
    span = max(known) - min(known)

    def across(number: float) -> str:
        return f"{8 + (number - min(known)) / span * (PLOT_WIDTH - 16):.1f}"

    parts = [f'<svg class="plot" viewBox="0 0 {PLOT_WIDTH} 16" aria-hidden="true">']
    if floor is not None:
        parts.append(f'<path class="reference" d="M{across(floor)} 1V15"/>')
    if low is not None and high is not None:
        parts.append(f'<path class="ends" d="M{across(low)} 8H{across(high)}"/>')
    parts.append(f'<circle class="bar" cx="{across(value)}" cy="8" r="4"/></svg>')
    return Markup("".join(parts))


def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the running mean over a tenth of the values; its window is cut at the ends."""
    half = max(1, len(values) // 20)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    positions = np.arange(len(values))
    first, last = np.maximum(positions - half, 0), np.minimum(positions + half + 1, len(values))
    return np.asarray((sums[last] - sums[first]) / (last - first))


def ticks(low: float, high: float, about: int) -> list[float]:
    """Return round numbers that cover a range, about as many as wanted, within it."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.99)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def short(value: float) -> str:
    """Write a number in few characters: ``12k``, ``1.5M``, ``0.25``."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.3g}".replace("-", "−")


def _finite(line: Line) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(line.x, np.float64), np.asarray(line.y, np.float64)
    keep = np.isfinite(x) & (np.abs(y) < 1e30)  # also drops NaN
    x, y = x[keep], y[keep]
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), POINTS)).astype(int))
    return x[chosen], y[chosen]


def _range(values: NDArray[np.float64], low: float, high: float) -> tuple[float, float]:
    bottom, top = (float(v) for v in np.percentile(values, [low, high]))
    if top - bottom < 1e-9 * max(1.0, abs(top)):
        return bottom - 0.5, top + 0.5
    return bottom, top


def _open(title: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
