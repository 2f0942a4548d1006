"""Conditions in people's units, and what the networks are told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from brainzoo.api import OptionError, Value, console
from brainzoo_monai.definitions import Bundle, Condition

ROWS = 400
"""Of conditions that samples are drawn from where nothing is asked for."""
NEAR = 0.2
"""How far a field of view may be from those in training, as a fraction."""


def described(bundle: Bundle) -> dict[str, Any]:
    """Return the conditions of a bundle as a checkpoint's ``config.json`` holds them.

    What is not asked for is drawn evenly from the range that the model knows: how its training
    people were spread is not published. MAISI draws T1w of whole heads, as its makers do.
    """
    if bundle.contrasts:
        names = [name.removesuffix(" stripped") for name in bundle.contrasts]
        skulls = {name: name.endswith(" stripped") for name in bundle.contrasts}
        levels = {
            "contrast": sorted(set(names), key=names.index),
            "skull": [
                "stripped" if stripped else "whole" for stripped in sorted({*skulls.values()})
            ],
        }
        columns = [_column(name, values) for name, values in levels.items()]
        first = min(bundle.contrasts, key=lambda name: (name != "T1w", skulls[name]))
        makers = [first.removesuffix(" stripped"), "stripped" if skulls[first] else "whole"]
        return {"columns": columns, "rows": [makers], "counts": [1]}
    if not bundle.conditions:
        return {"columns": [], "rows": [[]], "counts": [1]}
    rows = []
    for index in range(ROWS):
        row: list[Value] = []
        for place, one in enumerate(bundle.conditions):
            # Evenly spread in all conditions together (Roberts 2018, the R sequence).
            share = (0.5 + (index + 1) * _ratio(len(bundle.conditions)) ** (place + 1)) % 1
            if one.levels:
                row.append(one.levels[int(share * len(one.levels))])
            else:
                row.append(float(f"{one.low + share * (one.high - one.low):.3g}"))
        rows.append(row)
    columns = [_column(one.name, one.levels, one.low, one.high) for one in bundle.conditions]
    return {"columns": columns, "rows": rows, "counts": [1] * len(rows)}


def expect_contrast(bundle: Bundle, row: Mapping[str, Value]) -> None:
    """Refuse a contrast that the model has with another skull only.

    Raises:
        OptionError: It has not this one.
    """
    if bundle.contrasts and contrast_of(row) not in bundle.contrasts:
        raise OptionError(
            f"this model makes no {contrast_of(row)} images.",
            f"It makes: {', '.join(bundle.contrasts)}.",
        )


def contrast_of(row: Mapping[str, Value]) -> str:
    """Return the name of a contrast as a bundle has it."""
    return f"{row['contrast']}{' stripped' if row['skull'] == 'stripped' else ''}"


def told(conditions: Sequence[Condition], row: Mapping[str, Value]) -> list[float]:
    """Return what the network is told of a sample, in its order: numbers from 0 to 1."""
    numbers = []
    for one in conditions:
        value = row[one.name]
        if one.levels:
            numbers.append(float(one.levels.index(str(value))))
        else:
            numbers.append((float(value or 0.0) - one.low) / (one.high - one.low))
    return numbers


def warn_of_field(
    bundle: Bundle, row: Mapping[str, Value], size: Sequence[int], spacing_mm: Sequence[float]
) -> None:
    """Warn where the field of view is far from all that the contrast was trained on."""
    known = bundle.fields_mm.get(str(row.get("contrast")), ())
    field = [voxels * mm for voxels, mm in zip(size, spacing_mm, strict=True)]
    near = any(
        all(abs(mine - its) <= NEAR * its for mine, its in zip(field, one, strict=True))
        for one in known
    )
    if known and not near:
        texts = " or ".join(" × ".join(f"{mm:g}" for mm in one) for one in known)
        console.warn(
            f"the field of view is {' × '.join(f'{mm:.0f}' for mm in field)} mm; {row['contrast']} "
            f"was trained on about {texts} mm. Expect worse images."
        )


def _column(
    name: str, levels: Sequence[str] = (), low: float = 0.0, high: float = 1.0
) -> dict[str, Any]:
    spread = {"mean": (low + high) / 2, "std": (high - low) / 12**0.5, "low": low, "high": high}
    return {"name": name, "levels": list(levels), **({} if levels else spread)}


def _ratio(dimensions: int) -> float:
    """Return the inverse of the generalised golden ratio: the root of x^(d+1) = x + 1."""
    root = 2.0
    for _ in range(64):
        root = (1 + root) ** (1 / (dimensions + 1))
    return 1 / root
