"""A score as one self-contained page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from brainzoo.api import __version__
from brainzoo_quiz.statistics import terminal
from brainzoo_quiz.statistics.scoring import verdict

MOST_PICTURES = 24
WIDTH, ROW, LEFT, RIGHT, TOP, BOTTOM = 640, 34, 130, 20, 8, 40


def render(found: Mapping[str, Any], pictures: Mapping[tuple[str, int], bytes]) -> str:
    """Return the page as HTML.

    Args:
        found: A score.
        pictures: PNG files by fingerprint and row; may be none.
    """
    style = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    for name in ("rate", "limits", "interval"):
        environment.filters[name] = getattr(terminal, name)
    images = list(_images(found, pictures))
    return environment.get_template("page.html.j2").render(
        found=found,
        verdict=verdict(dict(found)),
        lines=list(terminal.group_lines(found)),
        chart=_chart(found),
        style=Markup(style),
        style_hash=f"sha256-{hashed}",
        images=images,
        pictured=any(image["uris"] for image in images),
        version=__version__,
    )


def _images(
    found: Mapping[str, Any], pictures: Mapping[tuple[str, int], bytes]
) -> Iterator[dict[str, Any]]:
    """Yield images that fooled somebody, with their pictures, most of all first."""
    fooling = [image for image in found.get("images", []) if image["fooled"]]
    for image in fooling[:MOST_PICTURES]:
        keys = [(source["images"], source["row"]) for source in image["sources"]]
        shown = [base64.b64encode(pictures[key]).decode() for key in keys if key in pictures]
        yield {**image, "uris": [f"data:image/png;base64,{code}" for code in shown]}


def _chart(found: Mapping[str, Any]) -> Markup:
    """Draw each reader's balanced accuracy with its interval, the group's, chance and margin."""
    rows = [(row["reader"], row["balanced_accuracy"], "") for row in found["readers"]]
    mean = found["group"]["balanced_accuracy"]
    if mean["value"] is not None and mean["readers"] > 1:
        rows.append(("Group", mean, "group"))
    height = TOP + ROW * len(rows) + BOTTOM

    def x(value: float) -> float:
        return LEFT + min(max(value, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Balanced accuracy">']
    bottom = height - BOTTOM
    margin = found["group"]["test"].get("margin")
    if margin:
        wide = x(0.5 + margin) - x(0.5 - margin)
        parts.append(
            f'<rect class="margin" x="{x(0.5 - margin):.1f}" y="{TOP}" width="{wide:.1f}" '
            f'height="{bottom - TOP}"/>'
        )
    for tick in (0, 0.25, 0.5, 0.75, 1):
        kind = "chance" if tick == 0.5 else "rule"
        parts.append(f'<path class="{kind}" d="M{x(tick):.1f} {TOP}V{bottom}"/>')
        label = f"{tick:g}"
        parts.append(
            f'<text x="{x(tick):.1f}" y="{bottom + 17}" text-anchor="middle">{label}</text>'
        )
    parts.append(
        f'<text x="{x(0.5):.1f}" y="{height - 5}" text-anchor="middle">'
        "balanced accuracy (0.5 is chance)</text>"
    )
    for i, (name, value, kind) in enumerate(rows):
        y = TOP + ROW * i + ROW / 2
        short = name if len(name) <= 16 else f"{name[:15]}…"
        parts.append(
            f'<text class="name {kind}" x="{LEFT - 14}" y="{y + 4:.1f}" text-anchor="end">'
            f"{escape(short)}</text>"
        )
        if value["value"] is None:
            continue
        if value["low"] is not None:
            ends = f"M{x(value['low']):.1f} {y}H{x(value['high']):.1f}"
            parts.append(f'<path class="ends {kind}" d="{ends}"/>')
        parts.append(f'<circle class="dot {kind}" cx="{x(value["value"]):.1f}" cy="{y}" r="5"/>')
    return Markup("".join(parts) + "</svg>")  # every text in it was escaped
