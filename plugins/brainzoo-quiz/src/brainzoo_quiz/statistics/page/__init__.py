"""A score as one self-contained page."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from brainzoo_quiz.statistics import terminal
from brainzoo_quiz.statistics.scoring import verdict

HERE = Path(__file__).parent
MOST_PICTURES = 24


def render(found: Mapping[str, Any], pictures: Mapping[tuple[str, int], bytes]) -> str:
    """Return the page as HTML."""
    style = (HERE / "page.css").read_text(encoding="utf-8")
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    images = list(_images(found, pictures))
    rows = [(row["reader"], row["balanced_accuracy"], "") for row in found["readers"]]
    mean = found["group"]["balanced_accuracy"]
    if mean["value"] is not None and mean["readers"] > 1:
        rows.append(("Group", mean, "group"))
    page = terminal.environment(autoescape=True).get_template("page.html.j2")
    return page.render(
        found=found,
        verdict=verdict(found),
        lines=terminal.group_lines(found),
        chart_rows=rows,
        margin=found["group"]["test"].get("margin"),
        style=Markup(style),
        style_hash=f"sha256-{hashed}",
        images=images,
        pictured=any(image["uris"] for image in images),
        version=importlib.metadata.version("brainzoo-quiz"),
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
