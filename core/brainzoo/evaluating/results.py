"""``evaluation.json``, which holds what evaluators found, and the pictures and files beside it."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainzoo.common import console
from brainzoo.common.errors import IntegrityError
from brainzoo.common.files import new_folder, write_text
from brainzoo.common.locks import locked
from brainzoo.plugin.findings import Evaluation

SCHEMA = 1
FILE = "evaluation.json"
EARLIER = "earlier"  # in the folder evaluation/: results that newer ones replaced


def read_evaluation(folder: Path) -> dict[str, Any]:
    """Return what ``evaluation.json`` in a folder holds; no evaluators if there is none."""
    path = folder / FILE
    if not path.is_file():
        return {"schema": SCHEMA, "evaluators": {}}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or not isinstance(found.get("evaluators"), dict):
            raise ValueError("it holds no evaluators")
    except (ValueError, RecursionError) as error:
        raise IntegrityError(
            f"{path} cannot be read: {error}.", "Move it elsewhere, and evaluate again."
        ) from error
    return found


def write_result(folder: Path, name: str, about: Mapping[str, Any], found: Evaluation) -> None:
    """Write pictures and files, then the entry in ``evaluation.json`` that names them."""
    pictures = {
        f"{title}.{'svg' if picture.startswith(b'<svg') else 'png'}": picture
        for title, picture in found.pictures.items()
    }
    if (folder / "evaluation" / name).exists():
        set_aside(folder, name)  # left by a process that was killed before it wrote the entry
    if pictures or found.files:
        with new_folder(folder / "evaluation" / name) as temporary:
            for file, content in {**pictures, **found.files}.items():
                (temporary / file).write_bytes(content)
    entry = {
        **about,
        "metrics": [dataclasses.asdict(value) for value in found.metrics],
        "tables": {table: list(map(dict, rows)) for table, rows in found.tables.items()},
        "notes": list(found.notes),
        "pictures": [f"evaluation/{name}/{picture}" for picture in pictures],
        "files": [f"evaluation/{name}/{file}" for file in found.files],
    }
    change(folder, {name: entry}, {})


def set_aside(folder: Path, name: str) -> None:
    """Move an evaluator's result to ``evaluation/earlier/NAME-001``, or the next free number."""
    parent = folder / "evaluation" / EARLIER
    taken = {path.name for path in parent.glob("*")}
    number = next(n for n in range(1, len(taken) + 2) if f"{name}-{n:03d}" not in taken)
    place = parent / f"{name}-{number:03d}"
    entry = read_evaluation(folder)["evaluators"].get(name)
    with new_folder(place) as temporary:
        if entry is not None:
            write_text(temporary / "found.json", to_json(entry))
        own = folder / "evaluation" / name
        for path in sorted(own.iterdir()) if own.is_dir() else ():
            path.rename(temporary / path.name)
    if own.is_dir():
        own.rmdir()
    change(folder, {name: None}, {})
    console.note(f"the earlier result of {name} is kept in {place}")


def change(folder: Path, evaluators: Mapping[str, Any], failed: Mapping[str, str]) -> None:
    """Change entries of ``evaluation.json`` (``None`` removes one), leaving all others."""
    path = folder / FILE
    with locked(path):
        now = read_evaluation(folder)
        kept = {**now["evaluators"], **evaluators}
        kept = {name: entry for name, entry in kept.items() if entry is not None}
        failures = {n: t for n, t in now.get("failed", {}).items() if n not in evaluators}
        failures |= failed
        content = {"schema": SCHEMA, "evaluators": dict(sorted(kept.items()))}
        write_text(path, to_json(content | ({"failed": failures} if failures else {})))


def to_json(value: Any) -> str:
    """Return JSON text, with null for numbers that are not finite."""
    return json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    """Return nested values with None instead of what JSON cannot hold."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
