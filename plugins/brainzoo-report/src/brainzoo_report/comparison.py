"""The page of several evaluated runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from brainzoo.api import BrainzooError, Images, console
from brainzoo_report.charts import interval_plot
from brainzoo_report.looks import as_grid
from brainzoo_report.render import page_of

SAMPLES = 32  # shown of each run
PLOT_WIDTH = 240


def comparison_page(found: Mapping[str, Any], runs: Sequence[Path]) -> str:
    """Return the page as HTML."""
    names = [run["name"] for run in found["runs"]]
    plots = {
        evaluator: [
            interval_plot(m["values"], m["name"], width=PLOT_WIDTH) for m in part["metrics"]
        ]
        for evaluator, part in found["evaluators"].items()
    }
    looks = [_looks(run, name) for run, name in zip(runs, names, strict=True)]
    return page_of(
        "comparison.html.j2",
        found=found,
        names=names,
        sentences=found["sentences"],
        plots=plots,
        looks=looks,
    )


def _looks(run: Path, name: str) -> dict[str, Any] | None:
    try:
        images = Images.open(run / "samples")[:SAMPLES]
    except BrainzooError as error:
        console.note(f"{name}: its images are not shown: {error.message}")
        return None
    caption = f"the first {len(images)} images it made, none selected"
    return {"name": name, "shown": as_grid(images.floats(), 8, caption)}
