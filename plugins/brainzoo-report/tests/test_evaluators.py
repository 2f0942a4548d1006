"""How evaluations are shown: notes, floors, captions, and nobody named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainzoo.data.images import Images
from brainzoo.data.pictures import grid
from brainzoo.testing.heads import SUBJECT

from .test_exporter import missing, page_of, text_of

Make = Callable[..., Path]


@pytest.fixture
def measured(make_run: Make) -> Callable[..., Path]:
    """Return a function that makes a run of which one evaluator found something."""

    def make(name: str = "someones", top: dict[str, Any] | None = None, **found: Any) -> Path:
        run = make_run()
        content = {"schema": 1, "evaluators": {name: {"metrics": [], **found}}, **(top or {})}
        (run / "evaluation.json").write_text(json.dumps(content))
        return run

    return make


def figure(name: str = "SWD", **more: Any) -> dict[str, Any]:
    return {"name": name, "value": 12.0, "n": 64, "low": 11.0, "high": 13.0, "floor": None} | more


@pytest.mark.parametrize(
    ("floor", "said"),
    [(4.0, "3 times that of other real people (SWD 12, floor 4)"), (-1.0, "have −1")],
)
def test_the_conclusion_says_how_far_from_real(
    measured: Callable[..., Path], floor: float, said: str
) -> None:
    assert said in text_of(page_of(measured("metrics", metrics=[figure(floor=floor)])))


def test_notes_stand_before_the_figures(measured: Callable[..., Path]) -> None:
    text = text_of(page_of(measured(notes=["Too few subjects."], metrics=[figure("zebra")])))
    assert text.index("Too few subjects.") < text.index("zebra")


@pytest.mark.parametrize(("floor", "grey"), [(12.9, True), (13.1, False), (8.0, False)])
def test_a_figure_at_its_floor_is_grey_and_the_rule_is_said(
    measured: Callable[..., Path], floor: float, grey: bool
) -> None:
    page = page_of(measured(metrics=[figure(floor=floor)]))
    assert ('<tr class="at-floor">' in page) is grey
    assert ("(at its floor)" in page) is grey
    assert "its interval holds the floor" in text_of(page)


def test_without_floors_no_rule_is_said(measured: Callable[..., Path]) -> None:
    assert "floor" not in text_of(page_of(measured(metrics=[figure()]))).lower()


def test_anybodys_tables_pictures_and_files_are_shown(
    measured: Callable[..., Path], make_run: Make
) -> None:
    picture = grid(Images.open(make_run() / "samples")[:4].floats())
    run = measured(
        tables={"by plane": [{"plane": "axial", "SWD": 3.25}]},
        pictures=["evaluation/someones/my_best-picture.png"],
        files=["evaluation/someones/verdict.json", "evaluation/someones/data.bin"],
        summary="How sharp the images are.",
    )
    place = run / "evaluation" / "someones"
    place.mkdir(parents=True)
    (place / "my_best-picture.png").write_bytes(picture)
    (place / "verdict.json").write_text('{"copies": {"found": 3}, "publish": false}')
    text = text_of(page_of(run))
    assert "How sharp the images are." in text
    assert "by plane" in text
    assert "axial 3.25" in text
    assert "my best picture" in text
    assert "copies · found 3" in text
    assert "publish False" in text


def test_the_projects_own_are_explained(measured: Callable[..., Path]) -> None:
    rows = [{"region": "20 to 29 F", "training subjects": 4}]
    text = text_of(page_of(measured("metrics", tables={"regions": rows})))
    assert "Gaps and thin places by age, sex and class" in text
    assert "which people they miss" in text
    assert "training subjects" in text, "a count names nobody"


def test_gan_train_stands_beside_what_was_published(measured: Callable[..., Path]) -> None:
    values = {"harmonic mean": 0.6, "harmonic mean, real": 0.8, "ratio to real": 0.75}
    figures = [figure(name, value=value) for name, value in values.items()]
    text = text_of(page_of(measured("gantrain", metrics=figures)))
    assert "this run 0.600 0.800 0.750" in text
    assert "Alam et al., PGGAN 0.736 0.883 0.834" in text
    assert "Alam et al., DCGAN 0.598 0.883 0.677" in text
    assert "Alam et al. used other data" in text


def test_without_its_figure_nothing_stands_beside(measured: Callable[..., Path]) -> None:
    assert "Alam" not in text_of(page_of(measured("gantrain", metrics=[figure("GAN-test")])))


@pytest.mark.parametrize("passed", [True, False])
def test_a_verdict_stands_at_the_top(measured: Callable[..., Path], passed: bool) -> None:
    run = measured("privacy", files=["evaluation/privacy/verdict.json"])
    place = run / "evaluation" / "privacy" / "verdict.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps({"passed": passed, "reasons": ["x"]}))
    word = "passed" if passed else "failed"
    assert f'privacy <span class="badge {word}">{word}</span>' in page_of(run)


def test_nobody_is_named(measured: Callable[..., Path]) -> None:
    rows = [
        {"subject": "jane-doe", "person": f"{SUBJECT}003", "age": 33, "distance": 1.25},
        {"subject": "john-doe", "person": f"{SUBJECT}004", "age": 35, "distance": 1.5},
    ]
    run = measured(tables={"nearest": rows}, files=["evaluation/someones/v.json"])
    place = run / "evaluation" / "someones"
    place.mkdir(parents=True)
    (place / "v.json").write_text('{"nearest_subject": "jane-doe", "rate": 0.25}')
    page = page_of(run)
    assert "-doe" not in page
    assert SUBJECT not in page
    assert "33" in text_of(page)
    assert "2 columns that may name people or their scans" in text_of(page)
    assert "rate 0.25" in text_of(page)


def test_an_evaluator_that_failed_is_said(measured: Callable[..., Path]) -> None:
    top = {"failed": {"privacy": "brainzoo evaluate privacy says why"}}
    said = missing(page_of(measured(top=top)))
    assert "The evaluator privacy failed; `brainzoo evaluate privacy RUN` tries again" in said


@pytest.mark.parametrize(
    ("name", "said"),
    [("metrics", "how closely was not measured here"), ("privacy", "how closely was measured .")],
)
def test_the_caveat_says_whether_copies_were_looked_for(
    measured: Callable[..., Path], name: str, said: str
) -> None:
    assert said in text_of(page_of(measured(name)))


@pytest.mark.parametrize(
    ("value", "shown"), [(42990.4, "42,990"), (1804.2, "1,804"), (0.04567, "0.04567"), (-3, "−3")]
)
def test_numbers_are_written_for_people(
    measured: Callable[..., Path], value: float, shown: str
) -> None:
    page = page_of(measured(metrics=[figure(value=value, low=None, high=None)]))
    assert re.search(rf"<strong>{shown}</strong>", page)
