"""``brainzoo evaluate`` beyond one evaluator on one run; that is in test_verbs.py."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from brainzoo.evaluating.results import read_evaluation
from brainzoo.plugin.manager import plugins
from brainzoo.testing.heads import make_images

from ..conftest import Brainzoo, Install


@pytest.fixture(autouse=True)
def judges(install: Install, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the evaluators ``judge`` and ``other``; beside ``difference`` there are no more."""
    install("brainzoo-judges", {"judges": "brainzoo_judges"})
    for spec in plugins().specs("evaluator"):
        if spec.name not in ("difference", "judge", "other", "picky"):
            monkeypatch.delitem(plugins()._specs, ("evaluator", spec.name))


@pytest.fixture
def made(brainzoo: Brainzoo, scans: Path) -> Path:
    words = ("--preset", "quick", "--export", "none", "--seed", "5", "--out", "r")
    ok(brainzoo("run", "tiny", "--data", "folder", "--data.root", scans, *words))
    return Path("r")


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return result.stdout


def found(folder: Path | str = "r") -> list[str]:
    return list(read_evaluation(Path(folder))["evaluators"])


def test_run_evaluates_with_all_that_is_installed(brainzoo: Brainzoo, scans: Path) -> None:
    words = ("run", "tiny", "--data", "folder", "--data.root", scans, "--preset", "quick")
    more = ("--evaluate", "judge", "--evaluate", "other", "--evaluate", "judge", "--out", "r")
    ok(brainzoo(*words, *more, "--export", "none", "--other.half-width", "0.5"))
    assert found() == ["judge", "other"]
    plan = ok(brainzoo("plan", *words[1:], "--evaluate", "all", "--judge.half-width", "2"))
    names = [
        line.split()[-1] for line in plan.partition("evaluate:")[2].splitlines() if "name" in line
    ]
    assert names == sorted(names)
    assert {"judge", "other", "difference"} <= set(names)


def test_missing_weights_stop_a_run_at_once(brainzoo: Brainzoo, scans: Path) -> None:
    words = ("run", "tiny", "--data", "folder", "--data.root", scans, "--preset", "quick")
    result = brainzoo(*words, "--evaluate", "judge", "--judge.fail", "check", "--out", "r")
    assert result.exit_code == 5
    line = "brainzoo: judge: the weights are missing. Give --judge.weights FILE."
    assert result.stderr.splitlines()[-1] == line
    assert "preparing" not in result.stderr
    assert not Path("r").exists()


def test_a_failing_evaluator_costs_the_run_nothing_but_the_exit_code(
    brainzoo: Brainzoo, scans: Path
) -> None:
    words = ("run", "tiny", "--data", "folder", "--data.root", scans, "--preset", "quick")
    evaluate = ("--evaluate", "judge", "--evaluate", "other", "--judge.fail", "data")
    result = brainzoo(*words, *evaluate, "--export", "png", "--out", "r")
    assert result.exit_code == 9
    lines = result.stderr.splitlines()
    last = "brainzoo: judge: the test images are 3; expected 8 or more. Add subjects."
    assert lines[-1] == last
    assert "go on with: brainzoo run --resume r" in lines[-2]
    assert found() == ["other"]
    assert Path("r/export/png").is_dir()
    ok(brainzoo("evaluate", "judge", "r"))
    assert found() == ["judge", "other"]


def test_all_of_one_run_shows_notes_before_figures(brainzoo: Brainzoo, made: Path) -> None:
    lines = ok(brainzoo("evaluate", "all", made)).splitlines()
    assert lines[lines.index("judge:") + 1] == "note: Only greys are looked at."
    assert lines[lines.index("judge:") + 2].startswith("grey: ")
    assert found() == ["difference", "judge", "other"]
    assert read_evaluation(made)["evaluators"]["judge"]["seed"] == 5, "the run's own seed"


def test_all_goes_on_where_one_failed(brainzoo: Brainzoo, made: Path) -> None:
    result = brainzoo("evaluate", "all", made, "--judge.fail", "crash")
    assert result.exit_code == 1
    assert "judge: unexpected RuntimeError: a wheel came off." in result.stderr.splitlines()[-1]
    assert "other:" in result.stdout
    assert found() == ["difference", "other"]
    result = brainzoo("evaluate", "all", made)
    assert ok(result).count("grey: ") == 3
    assert "other was already measured" in result.stderr
    assert found() == ["difference", "judge", "other"]


def test_other_options_keep_what_was_there(brainzoo: Brainzoo, made: Path) -> None:
    ok(brainzoo("evaluate", "judge", made))
    again = brainzoo("evaluate", "judge", made, "--judge.half-width", "0.5")
    assert "0.5" in str(read_evaluation(made)["evaluators"]["judge"]["options"])
    assert "the earlier result of judge is kept in r/evaluation/earlier/judge-001" in again.stderr


def test_the_report_of_the_run_shows_what_was_measured_since(
    brainzoo: Brainzoo, made: Path
) -> None:
    pytest.importorskip("brainzoo_report")
    assert "Only greys" not in Path("r/report/index.html").read_text()
    ok(brainzoo("evaluate", "judge", made))
    assert "Only greys" in Path("r/report/index.html").read_text()
    metrics = json.loads(Path("r/checkpoint/metrics.json").read_text())
    assert metrics["evaluators"]["judge"]["metrics"][0]["name"] == "grey"


def test_plain_folders_of_pictures(brainzoo: Brainzoo, tmp_path: Path) -> None:
    images = make_images(tmp_path / "i", spatial=(16, 16), subjects=10)
    for name in ("train", "test"):
        part = images.where(split=name)
        for row, pixels in zip(part.table, part.floats()[:, 0], strict=True):
            path = Path(name, f"P{row['subject']}", f"{row['image_id']}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((255 * pixels).astype("uint8")).save(path)
    shutil.copytree("test", "synthetic")
    folders = ("--train", "train", "--test", "test", "--synthetic", "synthetic")
    data = json.loads(ok(brainzoo("evaluate", "judge", *folders, "--out", "e", "--json")))["data"]
    sets = data["evaluators"]["judge"]["sets"]
    assert sets["test"]["subjects"] == len(images.where(split="test").subjects())
    assert sets["synthetic"]["subjects"] == 0
    shutil.rmtree("synthetic")
    Path("synthetic").mkdir()
    result = brainzoo("evaluate", "judge", *folders, "--out", "f")
    assert result.exit_code == 9
    assert "synthetic holds no images" in result.stderr


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("judge a b", "expected an evaluator and a run"),
        ("", "EVALUATOR is missing."),
    ],
)
def test_words_that_mean_nothing(brainzoo: Brainzoo, words: str, line: str) -> None:
    result = brainzoo("evaluate", *words.split())
    assert result.exit_code == 2
    assert line in result.stderr


def test_help_lists_the_options_of_all(brainzoo: Brainzoo) -> None:
    text = ok(brainzoo("evaluate", "all", "--help"))
    assert "--judge.half-width" in text
    assert "--other.half-width" in text
