from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from brainzoo import MetricValue
from brainzoo.cli import main
from brainzoo.common.errors import DataError, ExistsError, NotFoundError, OptionError
from brainzoo_report.comparing import allowed_difference, compare, lines_of, short_names, write

Found = dict[str, Any]


def figure(name: str, value: float, half: float | None = 1.0, **more: Any) -> Found:
    ends = {} if half is None else {"low": value - half, "high": value + half}
    return {"name": name, "value": value, "n": 64, "low": None, "high": None, "floor": None} | (
        ends | {"detail": ""} | more
    )


def entry(figures: list[Found], test: str = "t" * 64, **more: Any) -> Found:
    sets = {
        "train": {"fingerprint": "r" * 64, "images": 90, "subjects": 30},
        "test": {"fingerprint": test, "images": 40, "subjects": 12},
        "synthetic": {"fingerprint": "s" * 64, "images": 64, "subjects": 0},
    }
    sets["synthetic"] = {**sets["synthetic"], "fingerprint": f"made {figures[0]['value']}"}
    about = {"version": "1", "options": {}, "seed": 0, "sets": sets}
    return {**about, "metrics": figures, "tables": {}, "notes": [], "pictures": [], **more}


def run(folder: Path, **evaluators: Found) -> Path:
    folder.mkdir(parents=True)
    content = {"schema": 1, "evaluators": evaluators}
    (folder / "evaluation.json").write_text(json.dumps(content))
    return folder


def two(tmp_path: Path, first: Found, second: Found) -> Found:
    a = run(tmp_path / "a", metrics=entry([first]))
    return compare([a, run(tmp_path / "b", metrics=entry([second]))])


def test_a_difference_counts_where_it_exceeds_both_half_widths_together(tmp_path: Path) -> None:
    found = two(tmp_path, figure("SWD", 10, 3), figure("SWD", 15.1, 4))
    (difference,) = found["evaluators"]["metrics"]["metrics"][0]["differences"]
    assert difference["allowed"] == pytest.approx(5)
    assert difference["difference"] == pytest.approx(5.1)
    assert difference["exceeds"]
    assert (found["compared"], found["exceed"]) == (1, 1)
    (said,) = found["sentences"]
    assert said.startswith("metrics, SWD: b 15.1 is higher than a 10, by 5.1 where 5 is within")


def test_a_difference_within_the_intervals_is_none(tmp_path: Path) -> None:
    found = two(tmp_path, figure("SWD", 10, 3), figure("SWD", 14.9, 4))
    assert found["exceed"] == 0
    assert found["sentences"] == []


@pytest.mark.parametrize("second", [figure("SWD", 99, None), figure("SWD", 99, n=128)])
def test_without_intervals_or_at_another_n_nothing_is_claimed(
    tmp_path: Path, second: Found
) -> None:
    assert two(tmp_path, figure("SWD", 10), second)["compared"] == 0


@pytest.mark.parametrize("what", [{"options": {"extractor": "vgg16"}}, {"version": "2"}])
def test_other_options_are_said_and_nothing_is_claimed(
    tmp_path: Path, what: dict[str, Any]
) -> None:
    a = run(tmp_path / "a", metrics=entry([figure("FD", 1)]))
    b = run(tmp_path / "b", metrics=entry([figure("FD", 9)], **what))
    found = compare([a, b])
    assert found["compared"] == 0
    assert f"measured with other {next(iter(what))}" in found["evaluators"]["metrics"]["notes"][0]


def test_the_one_nearer_to_the_floor_is_named(tmp_path: Path) -> None:
    found = two(tmp_path, figure("coverage", 0.9, 0.01, floor=0.95), figure("coverage", 0.5, 0.01))
    assert "nearer" not in found["sentences"][0]
    found = two(
        tmp_path / "x",
        figure("coverage", 0.9, 0.01, floor=0.95),
        figure("coverage", 0.5, 0.01, floor=0.95),
    )
    assert "b 0.5 is lower than a 0.9" in found["sentences"][0]
    assert found["sentences"][0].endswith("a is nearer to real against real.")


@pytest.mark.parametrize(
    ("floor", "at"), [(9.5, True), (8.9, False), (11.1, False), (11, True), (None, False)]
)
def test_at_floor_means_that_the_interval_holds_it(floor: float | None, at: bool) -> None:
    assert MetricValue("SWD", 10, 4, 9, 11, floor).at_floor is at
    assert not MetricValue("SWD", 10, 4, floor=10).at_floor


def test_half_widths_add_as_independent_errors() -> None:
    assert allowed_difference(figure("x", 0, 3), figure("x", 0, 4)) == 5
    assert allowed_difference(figure("x", 0, 3), figure("x", 0, None)) is None
    assert math.isclose(allowed_difference(figure("x", 1, 2), figure("x", 5, 0)) or 0, 2)


def test_different_test_sets_are_refused(tmp_path: Path) -> None:
    a = run(tmp_path / "a", metrics=entry([figure("SWD", 10)]))
    b = run(tmp_path / "b", metrics=entry([figure("SWD", 10)], test="u" * 64))
    with pytest.raises(DataError, match=r"the test sets differ: metrics of .*a was measured"):
        compare([a, b])


def test_results_that_do_not_name_their_test_set_are_refused(tmp_path: Path) -> None:
    old = entry([figure("SWD", 10)])
    del old["sets"]
    folders = [run(tmp_path / "a", metrics=old), run(tmp_path / "b", metrics=old)]
    with pytest.raises(DataError, match="does not say which test set") as caught:
        compare(folders)
    assert "--again" in caught.value.hint


def test_a_run_that_was_not_evaluated_is_named(tmp_path: Path) -> None:
    a = run(tmp_path / "a", metrics=entry([figure("SWD", 10)]))
    (tmp_path / "b").mkdir()
    with pytest.raises(NotFoundError, match="b was not evaluated") as caught:
        compare([a, tmp_path / "b"])
    assert "brainzoo evaluate all" in caught.value.hint


def test_an_evaluator_that_one_run_lacks_is_said(tmp_path: Path) -> None:
    a = run(tmp_path / "a", metrics=entry([figure("SWD", 10)]), privacy=entry([figure("AUC", 1)]))
    b = run(tmp_path / "b", metrics=entry([figure("SWD", 11)]))
    privacy = compare([a, b])["evaluators"]["privacy"]
    assert privacy["notes"] == ["not measured of b"]
    assert privacy["metrics"][0]["values"][1] is None


def test_what_all_runs_say_is_said_once(tmp_path: Path) -> None:
    a = run(tmp_path / "a", m=entry([figure("SWD", 10)], notes=["Few subjects.", "Own."]))
    b = run(tmp_path / "b", m=entry([figure("SWD", 10)], notes=["Few subjects."]))
    assert compare([a, b])["evaluators"]["m"]["notes"] == ["Few subjects.", "a: Own."]


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    a = run(tmp_path / "a", metrics=entry([figure("SWD", 10)]))
    with pytest.raises(OptionError, match="two different runs"):
        compare([a])
    with pytest.raises(OptionError, match="two different runs"):
        compare([a, tmp_path / "b" / ".." / "a"])
    with pytest.raises(NotFoundError, match="z was not evaluated"):
        compare([a, tmp_path / "z"])


def test_names_are_as_short_as_they_can_be() -> None:
    assert short_names([Path("/x/dcgan"), Path("/x/pggan")]) == ["dcgan", "pggan"]
    assert short_names([Path("/x/1/run"), Path("/x/2/run")]) == ["1/run", "2/run"]


def test_notes_on_what_else_differs(tmp_path: Path) -> None:
    first, second = entry([figure("SWD", 10)]), entry([figure("SWD", 11)])
    second["sets"]["train"] = {**second["sets"]["train"], "fingerprint": "other"}
    second["sets"]["synthetic"] = {**first["sets"]["synthetic"], "images": 128}
    notes = compare([run(tmp_path / "a", m=first), run(tmp_path / "b", m=second)])["notes"]
    assert "trained on different images" in notes[0]
    assert "(a: 64, b: 128)" in notes[1]
    assert "the very same images" in notes[2]


def test_folders_are_numbered_and_never_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    a = run(tmp_path / "a", metrics=entry([figure("y", 10)]))
    b = run(tmp_path / "b", metrics=entry([figure("y", 12)]))
    found = compare([a, b])
    names = [write(found, "page", None).name for _ in range(2)]
    assert names == ["comparison-001", "comparison-002"]
    assert json.loads((tmp_path / names[0] / "comparison.json").read_text()) == found
    assert (tmp_path / names[0] / "index.html").read_text() == "page"
    with pytest.raises(ExistsError):
        write(found, "page", tmp_path / names[0])


def test_the_command_prints_a_table_and_writes_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(tmp_path / "r", judge=entry([figure("grey", 10)]))
    run(tmp_path / "s", judge=entry([figure("grey", 20)]))
    result = CliRunner().invoke(main, ["compare", "r", "s"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[-1] == "comparison-001/index.html"
    assert (tmp_path / lines[-1]).is_file()
    assert any(line.split()[:3] == ["metric", "r", "s"] for line in lines)
    assert any("judge, grey: s" in line and "higher than r" in line for line in lines)
    found = json.loads(CliRunner().invoke(main, ["compare", "r", "s", "--json"]).stdout)["data"]
    assert (found["folder"], found["exceed"]) == ("comparison-002", 1)
    assert list(lines_of(found))
