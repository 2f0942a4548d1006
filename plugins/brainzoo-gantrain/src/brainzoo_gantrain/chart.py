"""The curve over shares of real subjects, as a picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 760, 430
LEFT, RIGHT, TOP, BOTTOM = 66, 24, 48, 66
SHARP = 2  # the picture has this many pixels for each above, for fine screens
FINE = 4  # drawn at this multiple, then reduced: lines without steps
TEXT_PIXELS = 14
PAPER, INK, FAINT = (255, 255, 255), (40, 44, 52), (225, 228, 233)
COLOURS = ((31, 78, 140), (200, 80, 30))

Colour = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Point:
    """One value with its interval, above the tick of its number."""

    tick: int
    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Level:
    """A dashed horizontal line with a name."""

    name: str
    value: float
    colour: Colour


def curve(
    lines: Mapping[str, Sequence[Point]],
    ticks: Sequence[str],
    levels: Sequence[Level],
    *,
    y_label: str,
    x_label: str,
) -> Image.Image:
    """Draw named lines over evenly spaced ticks, values from the lowest tenth needed to 1.

    Args:
        lines: Two at most.
        ticks: What stands below the axis.
        levels: Horizontal lines to compare with.
        y_label: What the values are.
        x_label: What the ticks count.
    """
    values = [p.low for line in lines.values() for p in line] + [level.value for level in levels]
    bottom = max(0.0, int(min([*values, 0.6]) * 10) / 10)
    picture = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE), PAPER)
    pen = _Pen(ImageDraw.Draw(picture))

    def across(tick: float) -> float:
        return LEFT + (tick + 0.5) * (WIDTH - LEFT - RIGHT) / len(ticks)

    def down(value: float) -> float:
        return TOP + (1 - value) / (1 - bottom) * (HEIGHT - TOP - BOTTOM)

    for tenth in range(round(bottom * 10), 11):
        pen.line([(LEFT, down(tenth / 10)), (WIDTH - RIGHT, down(tenth / 10))], FAINT, 1)
        pen.text(LEFT - 8, down(tenth / 10), f"{tenth / 10:.1f}", "rm")
    for i, text in enumerate(ticks):
        pen.text(across(i), HEIGHT - BOTTOM + 16, text, "mm")
    pen.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 18, x_label, "mm")
    pen.text(12, TOP - 30, y_label, "lm")
    x: float = WIDTH - RIGHT
    for level in levels:
        y = down(level.value)
        for start in range(LEFT, WIDTH - RIGHT, 12):
            pen.line([(start, y), (min(start + 6, WIDTH - RIGHT), y)], level.colour, 1.5)
        pen.text(WIDTH - RIGHT, y - 10, level.name, "rm", level.colour)
    for i, (name, line) in enumerate(reversed(list(lines.items()))):
        colour = COLOURS[len(lines) - 1 - i]
        aside = (i - (len(lines) - 1) / 2) * -8  # so that intervals do not hide each other
        points = [(across(p.tick) + aside, down(p.value)) for p in line]
        for (at, _), p in zip(points, line, strict=True):
            pen.line([(at, down(p.low)), (at, down(p.high))], colour, 1.5)
        pen.line(points, colour, 2.5)
        for at, y in points:
            pen.dot(at, y, 4.5, colour)
        x -= pen.length(name)
        pen.text(x, TOP - 30, name, "lm", colour)
        pen.dot(x - 12, TOP - 30, 4.5, colour)
        x -= 40
    return picture.resize((WIDTH * SHARP, HEIGHT * SHARP), Image.Resampling.LANCZOS)


class _Pen:
    """Draws in the picture's own pixels on a finer one."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw
        self._font = ImageFont.load_default(size=TEXT_PIXELS * FINE)

    def line(self, points: Sequence[tuple[float, float]], colour: Colour, width: float) -> None:
        fine = [(x * FINE, y * FINE) for x, y in points]
        self._draw.line(fine, fill=colour, width=round(width * FINE), joint="curve")

    def dot(self, x: float, y: float, radius: float, colour: Colour) -> None:
        box = [(x - radius) * FINE, (y - radius) * FINE, (x + radius) * FINE, (y + radius) * FINE]
        self._draw.ellipse(box, fill=colour)

    def text(self, x: float, y: float, text: str, anchor: str, colour: Colour = INK) -> None:
        self._draw.text((x * FINE, y * FINE), text, fill=colour, font=self._font, anchor=anchor)

    def length(self, text: str) -> float:
        return self._font.getlength(text) / FINE
