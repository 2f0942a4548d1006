"""A study's store, with a clock of the tests' own."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from brainzoo_quiz.server.admission import prepare
from brainzoo_quiz.server.database import open_database
from brainzoo_quiz.server.requests import Refused
from brainzoo_quiz.server.store import Store

from .serving import answer_of, make_study

AGREED = {"group": "radiologist", "years": 3, "consent": True}


class Clock:
    def __init__(self) -> None:
        self.at = 1_800_000_000_000

    def __call__(self) -> int:
        return self.at


@dataclasses.dataclass
class Study:
    store: Store
    clock: Clock
    session: str
    invitations: dict[str, str]
    folder: Path

    def show(self, position: int) -> Any:
        return self.store.show(self.session, {"position": position})

    def answer(self, position: int, **said: Any) -> Any:
        token = self.store.package.seats[0].order[position - 1].token
        return self.store.answer(self.session, answer_of(position, token, **said))


def prepared(folder: Path, database: str, **options: Any) -> Study:
    _, package = make_study(folder, **options)
    engine = open_database(database, create=True)
    invitations = prepare(engine, package, folder)
    clock = Clock()
    store = Store(engine, package, clock)
    return Study(store, clock, package.seats[0].session, invitations, folder)


def refusal(work: Any, *words: Any, **said: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as error:
        work(*words, **said)
    return error.value.status, error.value.code
