from __future__ import annotations

from pathlib import Path

import pytest

from brainzoo.testing.heads import make_images
from brainzoo_report.facts import counted, data_of, duration, flat, moment, sides, verdict
from brainzoo_report.runfolder import RunFolder


def game(real: float, fake: float) -> list[dict[str, float]]:
    early = [{"images": i, "d_real": 0.5, "d_fake": 0.5} for i in range(30)]
    return early + [{"images": 30 + i, "d_real": real, "d_fake": fake} for i in range(10)]


@pytest.mark.parametrize(
    ("real", "fake", "said"),
    [
        (0.99, 0.01, "The discriminator won"),
        (0.5, 0.5, "The discriminator can no longer see a difference"),
        (0.3, 0.6, "The discriminator can no longer see a difference"),
        (0.7, 0.3, "Neither side won"),
    ],
)
def test_the_verdict_judges_the_end_of_training(real: float, fake: float, said: str) -> None:
    sentence = verdict(game(real, fake))
    assert sentence.startswith(said)
    assert f"{real:.2f}" in sentence


def test_without_a_contest_there_is_no_verdict() -> None:
    assert verdict([{"images": 1, "losses": {}}]) == ""


def test_people_are_counted_once(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", subjects=10, per_subject=3)
    images.table[0]["age"] = images.table[1]["age"] = images.table[2]["age"] = None
    for row in images.table[3:6]:
        row["class"] = None
    data = data_of(images, {"young": "age < 35"})
    assert (data.subjects, data.images) == (10, 30)
    assert sum(data.sexes.values()) == 10
    assert sum(data.ages.values()) == 9
    assert data.without_age == 1
    assert [(name, people, count) for name, _, people, count in data.classes] == [
        ("class young", 5, 15),
        ("class old", 4, 12),
        ("in no class", 1, 3),
    ]
    assert sum(people for _, people, _ in data.splits) == 10


def test_a_class_chosen_by_subject_names_nobody(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", subjects=4, per_subject=1)
    data = data_of(images, {"young": "subject == 'IXI039' or age < 45", "old": "age > 60"})
    assert [expression for _, expression, _, _ in data.classes] == ["chosen by subject", "age > 60"]


def test_an_absurd_age_is_not_known(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", subjects=4, per_subject=1)
    images.table[0]["age"] = 1e12
    assert len(data_of(images, {}).ages) < 15


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.84, "0.8 s"), (59.7, "1 min"), (492, "8 min 12 s"), (7260, "2 h 1 min"), (None, "")],
)
def test_times_are_written_as_people_say_them(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


def test_words_and_moments() -> None:
    assert counted(1, "person", "people") == "1 person"
    assert counted(1936, "image") == "1,936 images"
    assert moment("2026-11-20T13:47:30+00:00") == "20 November 2026, 13:47 UTC"
    assert moment("yesterday") == "yesterday"


def test_nested_settings_become_pairs() -> None:
    found = {
        "name": "dcgan",
        "options": {"maps": [64, 32], "lr": 0.0002, "none": None},
        "empty": [],
    }
    assert list(flat(found)) == [
        ("name", "dcgan"),
        ("options · maps", "64, 32"),
        ("options · lr", "0.0002"),
    ]


def test_it_says_where_right_is_and_whether_training_mixed_the_sides(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", subjects=2, per_subject=1, synthetic=True)
    images.info["plane"] = "axial"
    assert sides(images, RunFolder(None)) == "The patient’s right is shown at the left."
    mirrored = RunFolder(None, {"train": {"flip": True}})
    assert "left and right mean nothing" in sides(images, mirrored)
    images.info["plane"] = "sagittal"
    assert sides(images, mirrored) == ""
