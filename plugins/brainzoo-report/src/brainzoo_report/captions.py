"""What the report says of the project's own evaluators; the words stand in ``captions.yaml``."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

PUBLISHED = (("Alam et al., PGGAN", 0.736, 0.883), ("Alam et al., DCGAN", 0.598, 0.883))
"""Harmonic means that Alam et al. published (brain MRI, SVM on VGG-16): synthetic, and real."""


def of_evaluator(name: str) -> str:
    """Return a sentence on an evaluator; empty for one that is not known."""
    return str(_words()["leads"].get(name, ""))


def of_picture(evaluator: str, name: str) -> tuple[str, str]:
    """Return the title of a picture and a word on it; of a plane, the plane is added."""
    known = _words()["pictures"].get(evaluator, {})
    first, _, plane = name.partition("-")
    for key, shown in ((name, ""), (first, plane)):
        if key in known:
            title, about = known[key]
            return (f"{title}, {shown}" if shown else title), about
    return name.replace("_", " ").replace("-", " "), ""


def of_table(evaluator: str, name: str) -> tuple[str, str, bool]:
    """Return the title of a table, a word on it, and whether it is shown without a click."""
    title, about = _words()["tables"].get(evaluator, {}).get(name, (name, ""))
    return title, about, name in _words()["open"].get(evaluator, ())


@functools.cache
def _words() -> dict[str, dict[str, Any]]:
    text = (Path(__file__).parent / "captions.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return found
