"""Running evaluators, and ``evaluation.json``, which holds what they found."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from brainzoo import console
from brainzoo.errors import ExistsError
from brainzoo.files import write_bytes, write_text
from brainzoo.images import Images
from brainzoo.interfaces import Evaluation, Generator
from brainzoo.plugins import plugins
from brainzoo.settings import Part


def evaluate(
    parts: Sequence[Part],
    folder: Path,
    *,
    train: Images,
    test: Images,
    synthetic: Images,
    generator: Generator | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Run evaluators; add to ``evaluation.json`` and write the pictures of each below ``folder``.

    Returns:
        What ``evaluation.json`` holds: options, figures and tables by evaluator.

    Raises:
        ExistsError: One of them is there already.
    """
    path = folder / "evaluation.json"
    found: dict[str, Any] = json.loads(path.read_text())["evaluators"] if path.is_file() else {}
    for part in parts:
        if part.name in found:
            raise ExistsError(f"{path} holds {part.name} already.", "Choose another --out.")
    for part in parts:
        console.note(f"evaluating: {part.name}")
        evaluator = plugins().load("evaluator", part.name)(part.config)
        evaluation: Evaluation = evaluator.evaluate(
            train=train, test=test, synthetic=synthetic, generator=generator, seed=seed
        )
        found[part.name] = {
            "version": plugins().of("evaluator", part.name).version,
            "options": part.options,
            "seed": seed,
            "figures": [dataclasses.asdict(figure) for figure in evaluation.figures],
            "tables": {name: list(map(dict, rows)) for name, rows in evaluation.tables.items()},
            "notes": list(evaluation.notes),
            "pictures": [f"evaluation/{part.name}/{name}.png" for name in evaluation.pictures],
            "files": [f"evaluation/{part.name}/{name}" for name in evaluation.files],
        }
        pictures = {f"{name}.png": content for name, content in evaluation.pictures.items()}
        for name, content in (pictures | dict(evaluation.files)).items():
            write_bytes(folder / "evaluation" / part.name / name, content)
    result = {"schema": 1, "evaluators": _finite(found)}
    text = json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text)
    return result


def _finite(value: Any) -> Any:
    """Return nested values with None instead of what JSON cannot hold."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
