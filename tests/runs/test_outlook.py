"""What is said before training, from the numbers of people."""

from __future__ import annotations

from pathlib import Path

from brainzoo.preparation.config import PrepareConfig
from brainzoo.runs.outlook import people_among, people_of
from brainzoo.testing.heads import make_images


def test_people_are_counted_not_images(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", subjects=20, per_subject=3)
    assert people_of(images) == {"train": 12, "validation": 4, "test": 4}


def test_people_who_will_be_prepared_are_divided_as_they_will_be() -> None:
    ids = [f"s{i}" for i in range(50)] * 2
    config = PrepareConfig(split_fractions=(0.5, 0.1, 0.4))
    found = people_among(ids, config)
    assert sum(found.values()) == 50
    assert 15 < found["train"] < 35
