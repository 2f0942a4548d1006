"""What is said before training, from the numbers of people."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from brainzoo.evaluating import running
from brainzoo.plugin.part import Part


class Counting:
    def __init__(self, config: object) -> None:
        pass

    def outlook(self, people: Mapping[str, int]) -> list[str]:
        return [f"{people['train']} + {people['test']}"]


def test_people_are_counted_not_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_class", lambda part: Counting)
    people = [("a", "train"), ("b", "train"), ("c", "test")] * 3
    assert running.outlooks([Part("counting", None)], people) == ["counting: 2 + 1"]
