"""The steps of a run, one at a time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from brainzoo import Images
from brainzoo.evaluating import running as evaluation
from brainzoo.runs import pipeline

from ..conftest import Brainzoo

pytestmark = pytest.mark.usefixtures("tiny")

CLASSES = ("--class", "young=age < 50", "--class", "old=age > 50")


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.fixture
def made(brainzoo: Brainzoo, scans: Path) -> Path:
    """Return the folder of a finished run with two classes."""
    words = ("--preset", "quick", "--export", "none", "--out", "r")
    ok(brainzoo("run", "tiny", "--data", "folder", "--data.root", scans, *CLASSES, *words))
    return Path("r")


def test_data_describes_and_caches(brainzoo: Brainzoo, scans: Path) -> None:
    words = ("data", "folder", "--data.root", scans, "--size", "16", *CLASSES)
    text = ok(brainzoo(*words))
    assert "12 subjects" in text
    assert "young" in text
    assert text.splitlines()[-1].startswith("folder: ")
    found = json.loads(ok(brainzoo(*words, "--json")))["data"]
    assert found["subjects"] == 12
    assert found.pop("understood")["people"] == "12"
    images = Images.open(found["folder"])
    assert images.spatial == (16, 16)
    assert json.loads(ok(brainzoo("data", found["folder"], "--json")))["data"] == found


def test_sample_by_condition_is_the_same_for_every_batch_size(
    brainzoo: Brainzoo, made: Path
) -> None:
    words = ("sample", made, "-n", "10", "--seed", "3", "--condition", "class=old")
    ok(brainzoo(*words, "--out", "a"))
    ok(brainzoo(*words, "--out", "b", "--batch-size", "3"))
    first, second = Images.open("a"), Images.open("b")
    assert np.array_equal(first.read(), second.read())
    assert first.column("class") == ["old"] * 10
    assert first.info["condition"] == {"class": "old"}
    assert first.info["seed"] == 3
    ok(brainzoo("sample", made / "checkpoint", "-n", "4", "--out", "c"))
    assert set(Images.open("c").column("class")) <= {"young", "old"}


@pytest.mark.parametrize(
    ("condition", "line"),
    [
        ("class=older", "there is no class 'older'. Did you mean 'old'?"),
        ("age=70", "takes no condition 'age'"),
        ("old", "--condition: expected NAME=VALUE, found 'old'."),
    ],
)
def test_a_condition_that_the_model_does_not_know(
    brainzoo: Brainzoo, made: Path, condition: str, line: str
) -> None:
    result = brainzoo("sample", made, "--condition", condition, "--out", "a")
    assert result.exit_code == 2
    assert line in result.stderr
    assert not Path("a").exists()


def test_export_a_run_or_a_folder(brainzoo: Brainzoo, made: Path) -> None:
    out = ok(brainzoo("export", made, "--to", "nifti", "--nifti.limit", "3", "--out", "n"))
    assert out == "n\n"
    assert len(list(Path("n").rglob("*.nii.gz"))) == 3
    found = json.loads(ok(brainzoo("export", "r/samples", "--to", "png", "--out", "p", "--json")))
    assert all(Path(path).is_file() for path in found["data"]["files"])
    assert brainzoo("export", made, "--to", "nifti", "--out", "n").exit_code == 8


def test_evaluate_a_run_in_place(brainzoo: Brainzoo, made: Path) -> None:
    out = ok(brainzoo("evaluate", "difference", made, "--difference.power", "2"))
    assert out.splitlines()[0].startswith("grey: ")
    assert out.splitlines()[-1] == "r/evaluation.json"
    assert Path("r/evaluation/difference/synthetic.png").is_file()


def test_evaluate_refuses_other_data_than_the_runs(
    brainzoo: Brainzoo, scans: Path, tmp_path: Path
) -> None:
    own = shutil.copytree(scans, tmp_path / "own")
    words = ("--data.root", own, "--preset", "quick", "--export", "none", "--out", "r")
    ok(brainzoo("run", "tiny", "--data", "folder", *words))
    ok(brainzoo("data", "folder", "--data.root", own, "--size", "16", "--out", "real"))
    (own / "sub-03_T1w.nii.gz").unlink()
    result = brainzoo("evaluate", "difference", "r")
    assert result.exit_code == 9
    assert "the data are not those that r began with" in result.stderr
    assert not Path("r/evaluation.json").exists()
    ok(brainzoo("evaluate", "difference", "r", "--train", "real", "--test", "real"))


def test_evaluate_takes_an_empty_split_for_what_it_is(
    brainzoo: Brainzoo, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pipeline.prepare_data
    monkeypatch.setattr(pipeline, "prepare_data", lambda settings: whole(settings)[:0])
    given = []
    result = {"evaluators": {"difference": {"metrics": []}}}
    monkeypatch.setattr(evaluation, "evaluate", lambda *a, **_: given.append(a[2]) or result)
    ok(brainzoo("evaluate", "difference", made))
    assert [len(images) for images in (given[0].train, given[0].test, given[0].synthetic)] == [
        0,
        0,
        8,
    ]


def test_evaluate_folders(brainzoo: Brainzoo, made: Path, scans: Path) -> None:
    ok(brainzoo("data", "folder", "--data.root", scans, "--size", "16", "--out", "real"))
    folders = ("--train", "real", "--test", "real", "--synthetic", "r/samples")
    words = ("evaluate", "difference", *folders, "--generator", made, "--out", "e", "--json")
    found = json.loads(ok(brainzoo(*words)))["data"]["evaluators"]["difference"]
    assert found["metrics"][0]["name"] == "grey"
    assert Path("e/evaluation.json").is_file()


def test_report(brainzoo: Brainzoo, made: Path) -> None:
    pytest.importorskip("brainzoo_report")
    page = ok(brainzoo("report", made, "--out", "page")).strip()
    assert page == "page/index.html"
    assert Path(page).is_file()
