"""Reads a run folder for the report: what is there, and a sentence for each thing that is not."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from brainzoo.api import BrainzooError, Images, home

MOST_JSON_BYTES = 100_000  # of an evaluator's file that is shown


@dataclasses.dataclass
class RunFolder:
    """What a report needs of a run.

    Attributes:
        folder: Where it lies; ``None`` if the report is about images alone.
        settings: ``run.yaml``; empty if there is none.
        stats: The readable lines of ``stats.jsonl``, by images seen.
        evaluation: ``evaluation.json``; empty if there is none.
        prepared: The real images that were prepared for the run, if they are still there.
        notes: A sentence for each thing that is missing or broken.
    """

    folder: Path | None
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    stats: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    evaluation: dict[str, Any] = dataclasses.field(default_factory=dict)
    prepared: Images | None = None
    notes: list[str] = dataclasses.field(default_factory=list)

    def setting(self, *keys: str) -> Any:
        """Return a setting of ``run.yaml`` by its path of keys, ``None`` if it is not there."""
        return dig(self.settings, *keys)

    def text(self, *keys: str) -> str:
        """Return a setting as text; empty if it is not there or no single value."""
        value = self.setting(*keys)
        return str(value) if isinstance(value, str | int | float) else ""

    def trained_on(self) -> Images | None:
        """Return the real images that the generator saw: of the training split, in its classes."""
        if self.prepared is None:
            return None
        train = self.prepared.where(split="train")
        if train.classes:
            train = train[[i for i, row in enumerate(train.table) if row.get("class") is not None]]
        return train if len(train) else None


def read_run(folder: Path | None) -> RunFolder:
    """Read a run folder; never fails, whatever is in it."""
    run = RunFolder(folder)
    if folder is None:
        run.notes.append("This page was made from images alone, without the run they came from.")
        return run
    run.settings = _mapping_of(
        folder / "run.yaml",
        yaml.safe_load,
        run.notes,
        missing="The run folder holds no run.yaml: its settings are unknown.",
        broken="run.yaml cannot be read: its settings are unknown.",
    )
    run.stats = _read_stats(folder / "stats.jsonl", run.notes)
    run.evaluation = _mapping_of(
        folder / "evaluation.json",
        json.loads,
        run.notes,
        broken="evaluation.json cannot be read: its metrics are omitted.",
    )
    run.prepared = _find_prepared(run)
    return run


def dig(found: Any, *keys: str) -> Any:
    """Return a value of nested mappings by its path of keys, ``None`` if it is not there."""
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def number(value: Any) -> float | None:
    """Return a finite number, ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def read_json(run: RunFolder, place: str) -> Any:
    """Return the content of a small JSON file by its path in the run folder, or ``None``."""
    path = inside(run, place)
    try:
        if path is None or path.stat().st_size > MOST_JSON_BYTES:
            return None
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def inside(run: RunFolder, place: str) -> Path | None:
    """Return a path in the run folder; ``None`` for one that leads out of it."""
    if run.folder is None:
        return None
    path = (run.folder / place).resolve()
    return path if path.is_relative_to(run.folder.resolve()) else None


def _mapping_of(
    path: Path, parse: Callable[[str], Any], notes: list[str], *, missing: str = "", broken: str
) -> dict[str, Any]:
    """Return what a file holds; nothing and a note where it is missing or not a mapping."""
    try:
        found = parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        notes += [missing] if missing else []
        return {}
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        found = None
    if not isinstance(found, dict):
        notes.append(broken)
        return {}
    return found


def _read_stats(path: Path, notes: list[str]) -> list[dict[str, Any]]:
    try:
        texts = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        notes.append("There is no stats.jsonl: losses cannot be shown.")
        return []
    lines, broken = [], 0
    for text in filter(str.strip, texts):
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            line = None
        if isinstance(line, dict) and number(line.get("images")) is not None:
            lines.append(line)
        else:
            broken += 1
    if broken:
        what = "line of stats.jsonl is" if broken == 1 else "lines of stats.jsonl are"
        notes.append(f"{broken} {what} cut short or unreadable and omitted.")
    if not lines:
        notes.append("stats.jsonl holds no readable line: losses cannot be shown.")
    return sorted(lines, key=lambda line: float(line["images"]))


def _find_prepared(run: RunFolder) -> Images | None:
    """Open the prepared images of the run: in the cache, or in a folder that the run names."""
    fingerprint = run.text("data", "fingerprint")
    places = [Path(run.text("data", "name") or "."), *sorted((home() / "prepared").glob("*"))]
    for place in places:
        try:
            info = json.loads((place / "images.json").read_text(encoding="utf-8"))
            if fingerprint and dig(info, "fingerprint") == fingerprint:
                return Images.open(place)
        except (OSError, ValueError, BrainzooError):
            continue
    run.notes.append(
        "The prepared data of this run are not on this machine: tables of the data, and real "
        "images other than those kept in the run folder, cannot be shown."
    )
    return None
