"""What was measured of a checkpoint, in words that need no glossary, each beside its floor."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainzoo.api import console

WORDS: Mapping[str, tuple[str, str]] = {
    "C2ST": (
        "A classifier tells samples from real images in {value:.0%} of cases.",
        "50 % would be chance; real people against other real people: {floor:.0%}.",
    ),
    "relative FD": (
        "Samples are {value:.1f} times as far from real images as other real people are.",
        "",
    ),
    "coverage": (
        "{value:.0%} of unseen real images have a sample nearby.",
        "With other real people in the samples' place: {floor:.0%}.",
    ),
    "MS-SSIM of pairs": (
        "Two samples resemble each other by {value:.2f}; higher is less varied.",
        "Two real images: {floor:.2f}.",
    ),
    "harmonic mean": (
        "A classifier that learned from samples only scores {value:.2f} on real people.",
        "One that learned from as many real images: {floor:.2f}.",
    ),
    "reconstruction SSIM": (
        "It rebuilds images of unseen people to a likeness of {value:.2f}.",
        "",
    ),
    "copy rate": ("{value:.1%} of samples look like copies of a training image.", ""),
    "membership AUC": (
        "Who was in the training data can be guessed with {value:.2f}.",
        "0.5 is a coin toss.",
    ),
}
"""A sentence on a figure, and one on its floor, by the figure's name."""


def of_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Return sentences and a table of what was measured; ``None`` where nothing was.

    A figure of three planes is told of the axial one.
    """
    try:
        text = (folder / "metrics.json").read_text(encoding="utf-8")
        found = json.loads(text)["evaluators"]
        metrics = [
            {"evaluator": name, **metric}
            for name, one in found.items()
            for metric in one["metrics"]
            if metric["value"] is not None
        ]
        named = {metric["name"].removesuffix(" axial"): metric for metric in reversed(metrics)}
        return {
            "sentences": [_told(name, named[name]) for name in WORDS if name in named],
            "rows": [_row(metric) for metric in metrics],
            "privacy": _privacy(folder),
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _told(name: str, metric: Mapping[str, Any]) -> str:
    sentence, beside = WORDS[name]
    floor = metric.get("floor")
    shown = sentence.format(value=metric["value"])
    if beside and (floor is not None or "{floor" not in beside):
        shown += f" {beside.format(floor=floor)}"
    return shown.replace("%", " %").replace("  %", " %")


def _row(metric: Mapping[str, Any]) -> list[str]:
    floor = metric.get("floor")
    shown = "" if floor is None else console.number(floor)
    return [metric["evaluator"], metric["name"], console.interval(metric), shown]


def _privacy(folder: Path) -> str:
    try:
        passed = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))["passed"]
    except (OSError, ValueError, KeyError, TypeError):
        return "Nobody has audited yet whether it copies people."
    return (
        "The privacy audit found nothing that speaks against publishing; that is no proof."
        if passed
        else "The privacy audit did not pass: keep its samples to yourself."
    )
