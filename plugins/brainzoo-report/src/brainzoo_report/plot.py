"""The small plot of values with their intervals and floors, beside a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brainzoo_report import charts

PLOT_WIDTH, ROW = 120, 16


def interval_plot(
    values: Sequence[Mapping[str, float | None] | None], title: str = "", *, width: int = PLOT_WIDTH
) -> str:
    """Draw a dot at each value, a line over its interval, and a dashed upright at its floor.

    ``values`` hold ``value``, ``low``, ``high`` and ``floor`` of each row, on one common scale.
    Without a title, the plot is decoration; it is empty where there is nothing to compare.
    """
    keys = ("value", "low", "high", "floor")
    known = [n for one in values if one for key in keys if (n := one.get(key)) is not None]
    if not known or min(known) == max(known):
        return ""

    def across(number: float) -> str:
        return f"{8 + (number - min(known)) / (max(known) - min(known)) * (width - 16):.1f}"

    parts = [charts.begun(title, width, ROW * len(values), "plot")]
    for i, one in enumerate(values):
        value, low, high, floor = (one.get(key) if one else None for key in keys)
        y, colour = ROW * i + ROW / 2, charts.COLOURS[i % len(charts.COLOURS)]
        if floor is not None:
            at = f"M{across(floor)} {y - 7}V{y + 7}"
            parts.append(f'<path stroke="currentColor" stroke-dasharray="3 2" d="{at}"/>')
        if low is not None and high is not None:
            at = f"M{across(low)} {y}H{across(high)}"
            parts.append(f'<path stroke="{colour}" stroke-width="2" d="{at}"/>')
        if value is not None:
            parts.append(f'<circle fill="{colour}" cx="{across(value)}" cy="{y}" r="4"/>')
    return "".join([*parts, "</svg>"])
