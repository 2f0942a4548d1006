"""``verdict.json``: may these weights be published? Written by a privacy evaluator, read strictly.

The file names no subject. It names the weights by their SHA-256, and training and test images by
the fingerprint of their folder and a digest of exactly what was compared.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from brainzoo.api import IntegrityError, NotFoundError

VERDICT = "verdict.json"
MOST_BYTES = 1_000_000
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[int, Field(ge=1, lt=2**53)]
Folder = Digest | Literal[""]
"""The fingerprint of a folder of images; images that were never saved have none."""
Sentences = tuple[Annotated[str, Field(min_length=1)], ...]


class Strict(BaseModel):
    """What holds exactly its fields, each of exactly its type."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Measured(Strict):
    """A metric value, from how many images, with its interval and floor if it has them."""

    value: Number
    n: Positive
    low: Number | None
    high: Number | None
    floor: Number | None


class Compared(Strict):
    """Images: how many, of which folder, and the digest of what was compared of them."""

    images: Positive
    fingerprint: Folder
    sha256: Digest


class Made(Compared):
    """The synthetic images, and the digest of the weights that made them."""

    checkpoint_sha256: Digest | Literal[""]


class Real(Compared):
    """Training or test images; their ``sha256`` is of pixels and subjects."""

    subjects: Positive


class Verdict(Strict):
    """What an audit decided.

    It ``passed`` if ``reasons`` (why it failed) and ``doubts`` (why a leak could have been missed)
    are both empty; each entry is a sentence. ``consent`` names who answers for publishing an
    undecided model.
    """

    kind: Literal["brainzoo privacy verdict"] = "brainzoo privacy verdict"
    passed: bool
    reasons: Sentences
    doubts: Sentences = ()
    consent: Annotated[str, Field(max_length=200)] = ""
    thresholds: Annotated[dict[str, Number], Field(min_length=1)]
    metrics: Annotated[dict[str, Measured], Field(min_length=1)]
    synthetic: Made
    train: Real
    test: Real
    options: dict[str, Any]
    seed: int
    versions: dict[str, str]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.passed is bool(self.reasons or self.doubts):
            raise ValueError("it contradicts itself: passed means no reasons and no doubts")
        if self.passed and not self.synthetic.checkpoint_sha256:
            raise ValueError("it passed, but does not say for which weights")
        return self

    @property
    def outcome(self) -> Literal["passed", "failed", "undecided"]:
        """``failed`` with reasons; ``undecided`` with doubts only."""
        return "passed" if self.passed else "failed" if self.reasons else "undecided"

    def to_bytes(self) -> bytes:
        """Return the content of ``verdict.json``."""
        return f"{self.model_dump_json(indent=2)}\n".encode()


def read_verdict(path: Path | str) -> Verdict:
    """Read and check ``verdict.json``, given its path or its run folder.

    Raises:
        NotFoundError: No such file.
        IntegrityError: It is damaged, contradicts itself, or is something else.
    """
    path = Path(path)
    path = path / "evaluation" / "privacy" / VERDICT if path.is_dir() else path
    if not path.is_file():
        raise NotFoundError(
            f"there is no privacy verdict {path}.",
            "Make one: brainzoo evaluate privacy RUN",
        )
    if path.stat().st_size > MOST_BYTES:
        wrong = f"it has more than {MOST_BYTES} bytes"
    else:
        try:
            return Verdict.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            said = first["msg"].removeprefix("Value error, ").lower()
            wrong = f"{place}: {said}" if place else said
    raise IntegrityError(
        f"{path} is not a privacy verdict: {' '.join(wrong.split())}.",
        "Make it again: brainzoo evaluate privacy",
    )
