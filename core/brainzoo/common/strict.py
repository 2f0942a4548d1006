"""Models of pydantic that convert nothing and let nothing pass, and their errors as one line."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

CONTROL = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
"""Characters that could steer a terminal or turn the direction of text."""


def exactly(pattern: str) -> str:
    """Return a pattern that must match all of a text."""
    return f"^(?:{pattern})$"


Text = Annotated[str, Field(min_length=1, max_length=300, pattern=rf"^[^\t\n{CONTROL}]*$")]
Prose = Annotated[str, Field(min_length=1, max_length=5000, pattern=rf"^[^{CONTROL}]*$")]
Digest = Annotated[str, Field(pattern=exactly("[0-9a-f]{64}"))]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Seed = Annotated[int, Field(ge=0, lt=2**64)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Spacing = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
PluginName = Annotated[str, Field(pattern=exactly("[a-z0-9][a-z0-9_-]{0,63}"))]
Distribution = Annotated[
    str, Field(pattern=exactly("[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?"))
]


Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """What holds exactly its fields, each of exactly its type."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def validated(model: type[Model], raw: Any) -> Model:
    """Return plain values as a model, or raise a ValueError: one line, where and what is wrong."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    text = first["msg"].removeprefix("Value error, ")
    found, kind = first.get("input"), first["type"]
    if kind != "missing" and isinstance(found, str | int | float | bool | None):
        text += f", found {_short(found)}"
    if kind == "string_type" and isinstance(found, int | float):
        text += "; put it in quotes"
    text = printable(" ".join(f"{text[:1].lower()}{text[1:]}".split()))
    place = printable(".".join(map(str, first["loc"])))[:120]
    raise ValueError(f"{place}: {text}" if place else text)


def plain_json(content: bytes) -> Any:
    """Return JSON as plain values; a name that occurs twice, and NaN, is a ValueError."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name occurs twice")
        return found

    def refuse(text: str) -> float:
        raise ValueError(f"{text} is not a number")

    try:
        text = content.decode("utf-8")
        return json.loads(text, object_pairs_hook=once, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ValueError(one_line(error)) from None


def printable(text: str) -> str:
    """Return text without what could steer a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def one_line(said: object) -> str:
    """Return what somebody else's program says as one short line without a stop."""
    return printable(" ".join(str(said).split()))[:200].rstrip(".")


def _short(value: object) -> str:
    if isinstance(value, int) and abs(value) > 10**60:
        return "a huge number"  # Python refuses to write the largest
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
