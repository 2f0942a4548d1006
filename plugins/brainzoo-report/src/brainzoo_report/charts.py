"""Charts as SVG: small, sharp at any size, readable by a screen reader, and without a library.

Texts take the colour of the page that a chart is put into; :func:`as_picture` gives it a white
ground, to stand alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 440, 260
LEFT, RIGHT, TOP, BOTTOM = 48, 14, 30, 42
LINE, LETTER = 15, 8  # pixels from line to line, and of a letter
POINTS = 400  # drawn of a line at most
COLOURS = ("#00838a", "#c2571a", "#7a68c9", "#7d7a00")  # distinct in light, in dark and by dashes
DASHES = ("none", "9 3", "3 3", "12 3 3 3")

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
) -> str:
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
        return ""
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

    def across(x: Numbers | float) -> Numbers:
        return LEFT + (np.asarray(x) - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)

    def down(y: Numbers | float) -> Numbers:
        share = np.clip((np.asarray(y) - y_low) / (y_high - y_low), -0.02, 1.02)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    parts = [begun(title, WIDTH, HEIGHT)]
    for y in y_ticks:
        at = float(down(y))
        parts += [_level(at, "0.15"), _text(LEFT - 7, at + 4, short(y), "end")]
    places = enumerate(x_names) if x_names else ((x, short(x)) for x in ticks(x_low, x_high, 5))
    parts += [_text(float(across(x)), HEIGHT - BOTTOM + 18, name) for x, name in places]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, x_label))
    for name, level in levels.items():
        at = float(down(level))
        parts += [_level(at, "0.7", dash="5 4"), _text(WIDTH - RIGHT, at - 5, name, "end")]
    for i, (line, xs, ys) in enumerate(curves):
        parts += _curve(i, line, xs, ys, across, down, smoothed=smoothed)
    return "".join([*parts, *_legend([line.name for line, _, _ in curves]), "</svg>"])


def bar_chart(
    bars: Mapping[str, float],
    *,
    title: str,
    x_label: str,
    texts: Sequence[str] | None = None,
    most: float | None = None,
) -> str:
    """Draw upright bars by name with their ``texts`` above, by default their heights.

    ``most`` is the height of a full bar; by default the tallest. Names that are wider than their
    bars are written in two lines.
    """
    if not bars:
        return ""
    most = most or max(1.0, *bars.values())
    step = (WIDTH - 2 * RIGHT) / len(bars)
    narrow = max(map(len, bars)) * LETTER > step
    lines = {name: name.rsplit(" ", 1) if narrow else [name] for name in bars}
    floor = HEIGHT - BOTTOM - LINE * (max(map(len, lines.values())) - 1)
    parts = [begun(title, WIDTH, HEIGHT)]
    for i, (name, count) in enumerate(bars.items()):
        x, tall = RIGHT + i * step, count / most * (floor - TOP - 18)
        text = texts[i] if texts else short(count) if count else ""
        bar = f"M{x + 2:.1f} {floor}v{-tall:.1f}h{step - 4:.1f}V{floor}z"
        parts += [
            f'<path fill="{COLOURS[0]}" d="{bar}"/>',
            _text(x + step / 2, floor - tall - 6, text),
            *(
                _text(x + step / 2, floor + 18 + LINE * row, line)
                for row, line in enumerate(lines[name])
            ),
        ]
    return "".join([*parts, _text(WIDTH / 2, HEIGHT - 5, x_label), "</svg>"])


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


def _curve(
    i: int,
    line: Line,
    x: Numbers,
    y: Numbers,
    across: Callable[[Numbers | float], Numbers],
    down: Callable[[Numbers | float], Numbers],
    *,
    smoothed: bool,
) -> Iterator[str]:
    look = f'stroke="{COLOURS[i % len(COLOURS)]}" fill="none" stroke-linejoin="round"'
    if line.low is not None and line.high is not None:
        for at, low, high in zip(line.x, line.low, line.high, strict=True):
            shift = float(across(at)) + 4 * i  # so that intervals do not hide each other
            yield f'<path {look} d="M{shift:.1f} {down(low):.1f}V{down(high):.1f}"/>'
    drawn = [(y, "1", "0.28", "none")] if smoothed else []
    drawn.append((smooth(y) if smoothed else y, "2.4", "1", DASHES[i % len(DASHES)]))
    shift = 4 * i if line.low is not None else 0
    for values, width, opacity, dash in drawn:
        pairs = zip(across(x) + shift, down(values), strict=True)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in pairs)
        yield (
            f'<polyline {look} stroke-width="{width}" opacity="{opacity}" '
            f'stroke-dasharray="{dash}" points="{points}"/>'
        )


def _legend(names: Sequence[str]) -> Iterator[str]:
    x = float(LEFT)
    for i, name in enumerate(names):
        look = f'stroke="{COLOURS[i % 4]}" stroke-width="2.4" stroke-dasharray="{DASHES[i % 4]}"'
        yield f'<path {look} d="M{x:.0f} 12h22"/>{_text(x + 28, 16, name, "start")}'
        x += 44 + 7 * len(name)


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


def begun(title: str, width: int, height: int, kind: str = "chart") -> str:
    """Return how the SVG of a chart begins; without a title it is decoration."""
    said = f'role="img" aria-label="{escape(title)}"' if title else 'aria-hidden="true"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" viewBox="0 0 {width} {height}" '
        f'{said} font-family="system-ui, sans-serif" font-size="12.5">'
    )


def _level(y: float, opacity: str, dash: str = "none") -> str:
    return (
        f'<path stroke="currentColor" opacity="{opacity}" stroke-dasharray="{dash}" '
        f'd="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    at = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {at} fill="currentColor" opacity="0.8">{escape(text)}</text>'
