"""What was measured of the synthetic images themselves, to stand beside what readers said.

That readers cannot tell says nothing of copies or of missing people: a generator that hands out its
training images would pass every reader study.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from brainzoo_quiz.study.files import parse_object, read_text

SHOWN = {"privacy": None, "metrics": ("coverage", "recall")}
"""Which metric values of which evaluator; None means all."""

MISSING = (
    "Copies of training images and missing people were not looked for: give the evaluated run of "
    "these synthetic images as --run."
)


def beside(run: Path | None) -> dict[str, Any]:
    """Return the privacy and coverage results of an evaluated run.

    Returns:
        ``notes``, sentences; ``metrics``, rows of evaluator, name, value, low, high and floor.

    Raises:
        NotFoundError: The run has no evaluation.
    """
    if run is None:
        return {"notes": [MISSING], "metrics": []}
    text = read_text(run / "evaluation.json", "evaluation")
    evaluators = parse_object(text, "evaluation", "evaluation.json").get("evaluators", {})
    notes, metrics = [], []
    for name, wanted in SHOWN.items():
        found = evaluators.get(name)
        if found is None:
            notes.append(f"{run.name} was not evaluated by {name}.")
            continue
        if name == "privacy":  # its first note is the verdict
            notes += [f"Privacy. {note}" for note in found.get("notes", [])[:1]]
        for row in found.get("metrics", []):
            if wanted is None or row["name"] in wanted:
                keys = ("name", "value", "low", "high", "floor")
                metrics.append({"evaluator": name, **{key: row.get(key) for key in keys}})
    return {"notes": notes, "metrics": metrics}
