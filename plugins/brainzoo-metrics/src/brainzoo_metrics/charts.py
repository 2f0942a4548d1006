"""Small pictures of numbers: curves, and a table whose cells are shaded. Drawn with Pillow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 54, 14, 34, 40
TEXT = 13
INK, PALE, PAPER = (30, 30, 30), (205, 205, 205), (255, 255, 255)
COLOURS = ((20, 90, 160), (200, 80, 20), (120, 120, 120))  # told apart by all kinds of eyes
CELL_WIDTH, CELL_HEIGHT = 96, 44


def curves(
    lines: Mapping[str, NDArray[np.float64]],
    *,
    ends: tuple[float, float],
    x_label: str,
    y_label: str,
) -> Image.Image:
    """Draw curves over the same equal steps of an axis.

    Args:
        lines: Values by name, at most three lines of one length.
        ends: What the axis spans.
        x_label: What it is.
        y_label: What the values are.
    """
    picture = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(picture)
    top = max(float(values.max()) for values in lines.values()) or 1.0
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = LEFT + part * across, TOP + (1 - part) * down
        draw.line((LEFT, y, WIDTH - RIGHT, y), fill=PALE)
        _text(draw, f"{part * top:.3g}", LEFT - 5, y, "rm")
        _text(draw, f"{ends[0] + part * (ends[1] - ends[0]):.3g}", x, HEIGHT - BOTTOM + 5, "mt")
    _text(draw, x_label, LEFT + across / 2, HEIGHT - 3, "mb")
    _text(draw, y_label, 4, 3, "lt")
    place = WIDTH - RIGHT
    # From the last, so that names fill the line from the right and the first curve lies on top.
    for i, name in reversed(list(enumerate(lines))):
        values, colour = lines[name], COLOURS[i]
        xs = LEFT + (np.arange(len(values)) + 0.5) / len(values) * across
        ys = TOP + (1 - values / top) * down
        draw.line(list(zip(xs.tolist(), ys.tolist(), strict=True)), fill=colour, width=2)
        _text(draw, name, place, 3, "rt", colour)
        place -= int(_font().getlength(name)) + 18
    return picture


def shaded_table(
    columns: Sequence[str],
    rows: Sequence[str],
    cells: Mapping[tuple[str, str], tuple[float | None, str]],
    *,
    title: str,
) -> Image.Image:
    """Draw a table whose cells are darker blue the larger their share.

    Args:
        columns: Headings.
        rows: Headings.
        cells: By row and column a share in [0, 1] (``None``: grey) and what is written, of one
            line or two.
        title: Above it all.
    """
    left = 16 + max(int(_font().getlength(row)) for row in rows)
    wide = max(left + CELL_WIDTH * len(columns) + 8, int(_font().getlength(title)) + 12)
    picture = Image.new("RGB", (wide, 56 + CELL_HEIGHT * len(rows)), PAPER)
    draw = ImageDraw.Draw(picture)
    _text(draw, title, 6, 6, "lt")
    for i, row in enumerate(rows):
        _text(draw, row, left - 8, 50 + (i + 0.5) * CELL_HEIGHT, "rm")
    for j, column in enumerate(columns):
        _text(draw, column, left + (j + 0.5) * CELL_WIDTH, 46, "mb")
        for i, row in enumerate(rows):
            x, y = left + j * CELL_WIDTH, 50 + i * CELL_HEIGHT
            box = (x, y, x + CELL_WIDTH - 2, y + CELL_HEIGHT - 2)
            share, text = cells.get((row, column), (None, ""))
            if share is None:
                draw.rectangle(box, fill=(244, 244, 244), outline=PALE)
            else:
                shade = tuple(int(255 + share * (c - 255) * 0.75) for c in COLOURS[0])
                draw.rectangle(box, fill=shade)
            ink = PAPER if share is not None and share > 0.7 else INK
            draw.multiline_text(
                (x + CELL_WIDTH / 2 - 1, y + CELL_HEIGHT / 2 - 1),
                text,
                fill=ink,
                font=_font(),
                anchor="mm",
                align="center",
                spacing=2,
            )
    return picture


def _text(
    draw: ImageDraw.ImageDraw,
    text: str,
    x: float,
    y: float,
    anchor: str,
    ink: tuple[int, ...] = INK,
) -> None:
    draw.text((x, y), text, fill=ink, font=_font(), anchor=anchor)


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=TEXT)
