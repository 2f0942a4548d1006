"""``verdict.json``: may these weights be published? What decided it, and reading it strictly.

The file names no subject. It names the weights by their SHA-256, and training and test images by
the fingerprint of their folder and a digest of exactly what was compared.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainzoo.api import IntegrityError, NotFoundError

SCHEMA = 1
KIND = "brainzoo privacy verdict"
MAX_BYTES = 1_000_000
HEX = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What an audit decided.

    Attributes:
        passed: Whether nothing spoke against publishing; exactly when there are no ``reasons``.
        reasons: What speaks against it, a sentence each.
        thresholds: Limits of similarity and lead for copies and duplicates, and the rules' numbers.
        figures: ``value``, ``n``, ``low``, ``high`` and ``floor`` of each figure by its name.
        synthetic: ``images``, ``fingerprint``, ``sha256`` of what was compared, and
            ``checkpoint_sha256`` of the weights that made them (empty if unknown).
        train: ``images``, ``subjects``, ``fingerprint`` of the folder, ``sha256`` of what was
            compared: pixels and subjects.
        test: Likewise.
        options: The audit's options.
        seed: The audit's seed.
        versions: Of the libraries that decide the numbers.
    """

    passed: bool
    reasons: tuple[str, ...]
    thresholds: Mapping[str, float]
    figures: Mapping[str, Mapping[str, float | int | None]]
    synthetic: Mapping[str, str | int]
    train: Mapping[str, str | int]
    test: Mapping[str, str | int]
    options: Mapping[str, Any]
    seed: int
    versions: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """Return the content of ``verdict.json``."""
        content = {"schema": SCHEMA, "kind": KIND, **dataclasses.asdict(self)}
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()


def read(path: Path | str) -> Verdict:
    """Read and check a verdict; whatever is not exactly one is refused.

    Args:
        path: ``verdict.json``, or a run folder that holds ``evaluation/privacy/verdict.json``.

    Raises:
        NotFoundError: There is no such file.
        IntegrityError: It is none, of another schema, damaged, or contradicts itself.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "evaluation" / "privacy" / "verdict.json"
    if not path.is_file():
        raise NotFoundError(
            f"there is no privacy verdict {path}.",
            "Make one: brainzoo evaluate privacy --train DIR --test DIR --synthetic DIR.",
        )
    if path.stat().st_size > MAX_BYTES:
        raise _refused(path, f"it has more than {MAX_BYTES} bytes")
    try:
        content = json.loads(
            path.read_text(encoding="utf-8"), object_pairs_hook=_unique, parse_constant=_no_number
        )
    except (ValueError, RecursionError) as error:
        raise _refused(path, f"it is no JSON: {error}") from error
    problem = _problem(content)
    if problem:
        raise _refused(path, problem)
    values = {field.name: content[field.name] for field in dataclasses.fields(Verdict)}
    return Verdict(**{**values, "reasons": tuple(values["reasons"])})


def _problem(content: Any) -> str:
    """Return what is wrong with parsed JSON, or nothing."""
    if not isinstance(content, dict) or content.get("kind") != KIND:
        return f"it does not say that it is a {KIND}"
    if type(content.get("schema")) is not int or content["schema"] != SCHEMA:
        return f"its schema is {content.get('schema')!r}; this version reads {SCHEMA}"
    names = {"schema", "kind", *(field.name for field in dataclasses.fields(Verdict))}
    if set(content) != names:
        return f"missing or unknown: {', '.join(sorted(set(content) ^ names))}"
    types = {"passed": bool, "reasons": list, "seed": int}
    for name in names - {"schema", "kind"}:
        if type(content[name]) is not types.get(name, dict):
            return f"{name} is a {type(content[name]).__name__}"
    reasons = content["reasons"]
    if not all(isinstance(reason, str) and reason for reason in reasons):
        return "a reason is no sentence"
    if content["passed"] is bool(reasons):
        return "it contradicts itself: passed with reasons against it, or failed without any"
    return (
        _problem_of_numbers(content)
        or next(filter(None, (_problem_of_set(content, n) for n in ("train", "test"))), "")
        or _problem_of_weights(content)
    )


def _problem_of_numbers(content: Mapping[str, Any]) -> str:
    if not content["thresholds"] or not content["figures"]:
        return "it has no thresholds or no figures"
    if not all(_finite(value) for value in content["thresholds"].values()):
        return "a threshold is no number"
    keys = {"value", "n", "low", "high", "floor"}
    for name, figure in content["figures"].items():
        if not isinstance(figure, dict) or set(figure) != keys:
            return f"figure {name!r} does not hold {', '.join(sorted(keys))}"
        if not _finite(figure["value"]) or type(figure["n"]) is not int or figure["n"] < 1:
            return f"figure {name!r} has no value or no n"
        if not all(figure[key] is None or _finite(figure[key]) for key in keys):
            return f"figure {name!r} holds what is no number"
    if not all(isinstance(version, str) for version in content["versions"].values()):
        return "a version is no text"
    return ""


def _problem_of_set(content: Mapping[str, Any], name: str) -> str:
    described = content[name]
    if set(described) != {"images", "subjects", "fingerprint", "sha256"}:
        return f"{name} does not hold images, subjects, fingerprint and sha256"
    counts = (described["images"], described["subjects"])
    if not all(type(count) is int and count > 0 for count in counts):
        return f"{name} has no images or no subjects"
    return "" if _digests(described) else f"{name} has a digest that is none"


def _problem_of_weights(content: Mapping[str, Any]) -> str:
    made = content["synthetic"]
    if set(made) != {"images", "fingerprint", "sha256", "checkpoint_sha256"}:
        return "synthetic does not hold images, fingerprint, sha256 and checkpoint_sha256"
    if type(made["images"]) is not int or made["images"] < 1 or not _digests(made):
        return "synthetic has no images or a digest that is none"
    weights = made["checkpoint_sha256"]
    if not isinstance(weights, str) or (weights and not HEX.fullmatch(weights)):
        return "checkpoint_sha256 is no digest"
    if content["passed"] and not weights:
        return "it passed, but does not say for which weights"
    return ""


def _digests(described: Mapping[str, Any]) -> bool:
    fingerprint, content = described["fingerprint"], described["sha256"]
    if not isinstance(fingerprint, str) or not isinstance(content, str):
        return False
    # Images that were never saved have no fingerprint; what was compared always has a digest.
    return bool(HEX.fullmatch(content)) and (not fingerprint or bool(HEX.fullmatch(fingerprint)))


def _finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _refused(path: Path, why: str) -> IntegrityError:
    return IntegrityError(
        f"{path} is no privacy verdict: {why}.", "Make it again with brainzoo evaluate privacy."
    )
