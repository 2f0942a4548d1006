"""What was measured of the synthetic images themselves, to stand beside what readers said.

That readers cannot tell says nothing of copies or of missing people: a generator that hands out its
training images would pass every reader study.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from brainzoo.api import read_evaluation

SHOWN = {"privacy": None, "metrics": ("coverage", "recall")}
"""Which figures of which evaluator; None means all."""

MISSING = (
    "Copies of training images and missing people were not looked up: give the evaluated run of "
    "these synthetic images as --run."
)


def beside(run: Path | None) -> dict[str, Any]:
    """Return the privacy and coverage verdicts of an evaluated run.

    Args:
        run: A run folder with ``evaluation.json``, or none.

    Returns:
        ``notes``, sentences; ``figures``, rows of evaluator, name, value, low, high and floor.

    Raises:
        NotFoundError: The folder has no evaluation.
    """
    if run is None:
        return {"notes": [MISSING], "metrics": []}
    evaluators = read_evaluation(run).get("evaluators", {})
    notes, figures = [], []
    for name, wanted in SHOWN.items():
        if name not in evaluators:
            notes.append(f"{run.name} was not evaluated by {name}.")
            continue
        if name == "privacy":  # its first note is the verdict
            notes += [f"Privacy. {note}" for note in evaluators[name].get("notes", [])[:1]]
        for figure in evaluators[name].get("metrics", []):
            if wanted is None or figure["name"] in wanted:
                keys = ("name", "value", "low", "high", "floor")
                figures.append({"evaluator": name, **{key: figure.get(key) for key in keys}})
    return {"notes": notes, "metrics": figures}
