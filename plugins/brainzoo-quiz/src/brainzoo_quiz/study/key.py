"""A study and its key: what is true, under which secret tokens, and the promise not to change it.

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

``key.json`` (mode 0600, never handed out)::

    kind        "brainzoo quiz key"
    schema      1
    study       the study id
    title       what readers see
    design      "yes-no": is this image real or created?  "2afc": which of two is real?
    salt        256 random bits, hexadecimal
    cases       [{case, phase, truth, repeated, sources}, ...]
    commitment  of all the above

``phase`` is ``practice`` or ``test``; ``truth`` is ``real`` or ``created`` (yes-no), the place of
the real image, ``first`` or ``second`` (2afc); ``repeated`` says that it is shown twice;
``sources`` names the image, or the two in the order shown, as ``{images, row}``: the fingerprint of
an Images folder and a row of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainzoo.api import DataError, ExistsError, IntegrityError, disk_errors
from brainzoo_quiz.study import files as strict

KIND = "brainzoo quiz key"
SCHEMA = 1
MOST_CASES = 10_000

DESIGNS: Mapping[str, tuple[str, str]] = {
    "yes-no": ("real", "created"),
    "2afc": ("first", "second"),
}
"""What may be answered in each design: positive first (as in the paper: positive is real)."""

PHASES = ("practice", "test")


@dataclasses.dataclass(frozen=True)
class Source:
    """Where an image is from: the fingerprint of its Images folder, and its row (from 0)."""

    images: str
    row: int


@dataclasses.dataclass(frozen=True)
class Case:
    """One image or pair, and what is true of it.

    Attributes:
        case: The owner's name for it.
        truth: One of the two answers of the study's design.
        phase: ``practice`` or ``test``.
        repeated: Shown a second time, for the reader's agreement with herself.
        sources: The image; in two-alternative forced choice, the two in the order shown.
    """

    case: str
    truth: str
    phase: str = "test"
    repeated: bool = False
    sources: tuple[Source, ...] = ()


@dataclasses.dataclass(frozen=True)
class Key:
    """The truth of one study. Make one with :meth:`new`, read one with :func:`read_key`."""

    study: str
    title: str
    design: str
    salt: str
    cases: tuple[Case, ...]

    @classmethod
    def new(cls, title: str, cases: tuple[Case, ...], design: str = "yes-no") -> Key:
        """Return the key of a new study, with a fresh id and salt.

        Raises:
            DataError: The cases contradict each other or the design.
        """
        key = cls(secrets.token_hex(16), title, design, secrets.token_hex(32), cases)
        _expect_key(key.content(), "the new key")
        return key

    @property
    def commitment(self) -> str:
        """The salted SHA-256 that readers see before they start."""
        return strict.digest(self._committed())

    def token(self, session: str, case: str, showing: int = 1) -> str:
        """Return what a case is called in a session.

        Args:
            session: The session's 128 bits, hexadecimal.
            case: The owner's name of the case.
            showing: 1, or 2 for the repeat.
        """
        message = strict.canonical([self.study, session, case, showing])
        return hmac.new(bytes.fromhex(self.salt), message, hashlib.sha256).hexdigest()[:32]

    def tokens(self, session: str) -> dict[str, tuple[Case, int]]:
        """Return the case and the showing of every token of a session."""
        return {
            self.token(session, case.case, showing): (case, showing)
            for case in self.cases
            for showing in ((1, 2) if case.repeated else (1,))
        }

    def content(self) -> dict[str, Any]:
        """Return what ``key.json`` holds."""
        return {**self._committed(), "commitment": self.commitment}

    def _committed(self) -> dict[str, Any]:
        return {
            "kind": KIND,
            "schema": SCHEMA,
            "study": self.study,
            "title": self.title,
            "design": self.design,
            "salt": self.salt,
            "cases": [
                {**dataclasses.asdict(case), "sources": [*map(dataclasses.asdict, case.sources)]}
                for case in self.cases
            ],
        }


def write_key(key: Key, path: Path) -> None:
    """Write a new ``key.json`` that only its owner can read (mode 0600).

    Raises:
        ExistsError: There is one already: a key is never overwritten.
    """
    text = json.dumps(key.content(), indent=1, ensure_ascii=False)
    with disk_errors(path):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise ExistsError(
                f"there is a key {path} already.", "Choose another folder; keep the old key."
            ) from None
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())


def read_key(path: Path) -> Key:
    """Read a ``key.json``.

    Raises:
        NotFoundError: There is no such file.
        DataError: It is no key.
        IntegrityError: It was changed after it was written: the commitment does not fit.
    """
    content = strict.parse(strict.read_text(path, "key"), "key", path.name)
    strict.expect_kind(content, KIND, SCHEMA, path.name)
    _expect_key(content, path.name)
    cases = tuple(
        Case(**{**case, "sources": tuple(Source(**source) for source in case["sources"])})
        for case in content["cases"]
    )
    names = ("study", "title", "design", "salt")
    key = Key(**{name: content[name] for name in names}, cases=cases)
    if not hmac.compare_digest(key.commitment, content["commitment"]):
        raise IntegrityError(
            f"{path.name} was changed after it was written: its commitment does not fit its truth.",
            "Use the key as `brainzoo quiz export` wrote it.",
        )
    return key


def _expect_key(content: Mapping[str, Any], name: str) -> None:
    checks = {
        "kind": strict.one_of(KIND),
        "schema": strict.one_of(SCHEMA),
        "study": strict.matches(strict.HEX_128),
        "title": strict.text(200),
        "design": strict.one_of(*DESIGNS),
        "salt": strict.matches(strict.HEX_256),
        "cases": lambda value: isinstance(value, list) and 0 < len(value) <= MOST_CASES,
        "commitment": strict.matches(strict.HEX_256),
    }
    strict.expect(content, checks, name)
    of_case = {
        "case": strict.text(100),
        "truth": strict.one_of(*DESIGNS[content["design"]]),
        "phase": strict.one_of(*PHASES),
        "repeated": strict.one_of(True, False),
        "sources": strict.list_of(lambda value: isinstance(value, dict), 2),
    }
    of_source = {"images": strict.text(128), "row": strict.whole(0, 10**9)}
    for number, case in enumerate(content["cases"], 1):
        strict.expect(case, of_case, f"{name}: case {number}")
        for source in case["sources"]:
            strict.expect(source, of_source, f"{name}: case {number}: source")
    names = [case["case"] for case in content["cases"]]
    if len(set(names)) < len(names):
        twice = next(case for case in names if names.count(case) > 1)
        raise DataError(f"{name}: the case {twice!r} occurs twice.")
    for truth in DESIGNS[content["design"]]:
        if not any(c["truth"] == truth and c["phase"] == "test" for c in content["cases"]):
            raise DataError(f"{name}: no test case is {truth}; expected some of either kind.")
