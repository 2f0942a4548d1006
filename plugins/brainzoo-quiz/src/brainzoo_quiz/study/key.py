"""The key of a study: what is true, under which secret tokens, and the promise not to change it.

``study id``     128 random bits, hexadecimal. Everything that belongs to a study names it.
``case``         one image (or, in two-alternative forced choice, one pair) under the owner's own
                 name, for example ``c007``. Readers never see that name.
``session``      128 random bits: one reader's one go through the study.
``token``        128 bits that stand for one showing of one case in one session, and nothing else:
                 HMAC-SHA256 of session, case and showing under the key's secret salt. Whoever holds
                 the key can tell which case a token means; nobody else can, not even that two
                 readers saw the same image. A repeated case has a second token (showing 2).
``commitment``   SHA-256 of salt and truth. Readers see it before they start; when the key is
                 published, anybody can check that the truth was not changed afterwards.

``key.json`` has mode 0600 and is never handed out.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from brainzoo.api import DataError, ExistsError
from brainzoo_quiz.study.files import (
    Document,
    Hex128,
    Hex256,
    Line,
    Model,
    Title,
    canonical,
    expect_unique,
)

MOST_CASES = 10_000

Design = Literal["yes-no", "2afc"]
Word = Literal["real", "created", "first", "second"]
Phase = Literal["practice", "test"]
PHASES: tuple[Phase, ...] = ("practice", "test")

DESIGNS: Mapping[str, tuple[Word, Word]] = {
    "yes-no": ("real", "created"),
    "2afc": ("first", "second"),
}
"""What may be answered in each design: positive first (as in the paper: positive is real).

``yes-no``: is this image real or created?  ``2afc``: which of the two is real?
"""


class Source(Model):
    """Where an image is from: the fingerprint of its Images folder, and its row (from 0)."""

    images: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    row: int = Field(ge=0)


class Case(Model):
    """One image or pair, and what is true of it.

    Attributes:
        case: The owner's name for it.
        truth: One of the two answers of the study's design; in ``2afc`` the place of the real one.
        phase: ``practice`` or ``test``.
        repeated: Shown a second time, for the reader's agreement with herself.
        sources: The image; in two-alternative forced choice, the two in the order shown.
    """

    case: Line
    truth: Word
    phase: Phase = "test"
    repeated: bool = False
    sources: tuple[Source, ...] = Field((), max_length=2)


class Key(Document):
    """The truth of one study. Make one with :meth:`new`, read one with ``Key.read``."""

    KIND = "brainzoo quiz key"
    SEAL = "commitment"

    study: Hex128
    title: Title
    design: Design
    salt: Hex256
    cases: tuple[Case, ...] = Field(min_length=1, max_length=MOST_CASES)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        expect_unique([case.case for case in self.cases], "case")
        words = DESIGNS[self.design]
        if not {case.truth for case in self.cases} <= set(words):
            raise ValueError(f"the truth of a case is neither {words[0]} nor {words[1]}")
        for word in words:
            if not any(case.truth == word and case.phase == "test" for case in self.cases):
                raise ValueError(f"no test case is {word}; expected some of either kind")
        return self

    @classmethod
    def new(cls, title: str, cases: tuple[Case, ...], design: str = "yes-no") -> Key:
        """Return the key of a new study, with a fresh id and salt."""
        secret = {"study": secrets.token_hex(16), "salt": secrets.token_hex(32)}
        return cls.model_validate({**secret, "title": title, "design": design, "cases": cases})

    @property
    def commitment(self) -> str:
        """The salted SHA-256 that readers see before they start."""
        return self.seal

    def token(self, session: str, case: str, showing: int = 1) -> str:
        """Return what a case is called in a session."""
        message = canonical([self.study, session, case, showing])
        return hmac.new(bytes.fromhex(self.salt), message, hashlib.sha256).hexdigest()[:32]

    def tokens(self, session: str) -> dict[str, tuple[Case, int]]:
        """Return the case and the showing of every token of a session."""
        return {
            self.token(session, case.case, showing): (case, showing)
            for case in self.cases
            for showing in ((1, 2) if case.repeated else (1,))
        }


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner can read (mode 0600), and wait for the disk.

    Raises:
        ExistsError: It exists already: a key is never overwritten.
        DataError: The disk or the folder's rights do not allow it.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise ExistsError(
            f"{path} exists already.", "Choose another folder, and keep the old file."
        ) from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be written: {error.strerror}.", "Check the folder and the disk."
        ) from error
