from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from brainzoo.plugin.manager import KNOWN

from ..conftest import Brainzoo, Install

pytestmark = pytest.mark.usefixtures("tiny")

RUN = ("run", "tiny", "--data", "folder", "--data.root")


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one of the project's own plugins be one that this machine lacks."""
    monkeypatch.setitem(KNOWN, "gan", "brainzoo-gan")


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ("runn", 2, "there is no command 'runn'. Did you mean 'run'?"),
        ("run tiny --data folder --nois 1", 2, "unknown option --nois. Did you mean --noise?"),
        ("run tiny --data folder --bogus 1", 2, "unknown option --bogus. See: brainzoo run"),
        ("run tiny --data folder --noise x", 2, "--noise: expected a number, found 'x'."),
        ("run tiny --data folder --noise -1", 2, "--noise: -1 is too small; expected at least 0."),
        ("run tiny --data folder --fail now", 2, "--fail: 'now' is not one of never, expected"),
        ("run tiny --data folder --preset quik", 2, "no preset 'quik'. Did you mean 'quick'?"),
        ("run tiny --data folder --class old", 2, "--class: expected NAME=VALUE, found 'old'."),
        ("run tiny --data folder --data.size 3", 2, "unknown option --data.size. Did you mean"),
        ("run tiny", 2, "--data DATASET is missing."),
        ("run --data folder", 2, "GENERATOR is missing."),
        ("run gan --data ixi", 3, "Install it with: pip install brainzoo-gan"),
        ("run tiny --data ixl", 3, "there is no dataset named 'ixl'. Did you mean 'ixi'?"),
        ("run tiny --data ixi --evaluate fid", 3, "there is no evaluator named 'fid'."),
        ("run mine --data folder", 3, "If you wrote it, install its package: pip install -e"),
        ("run --resume nowhere", 3, "there is no run at nowhere: it has no run.yaml."),
        ("data ixi --class young=age~35", 2, "'age~35' is not a class expression."),
        ("run nowhere/run.yaml", 3, "there is no run at nowhere: it has no run.yaml."),
        ("sample nowhere --out x", 3, "there is no checkpoint named 'nowhere'."),
        ("sample x --zzzzzzzzzz 1", 2, "See: brainzoo sample --help"),
        ("sample x --age 75", 2, "unknown option --age. Did you mean --condition age=...?"),
        ("sample x --out y -n 0", 2, "-n: 0 is too small"),
        ("export nowhere --to nifti --out x", 3, "there is no folder nowhere."),
        ("export nowhere --to minc --out x", 3, "there is no exporter named 'minc'."),
        ("report nowhere", 3, "there is no run at nowhere: it has no run.yaml."),
        ("evaluate difference nowhere", 3, "brainzoo sample nowhere --out SAMPLES"),
        ("evaluate difference", 2, "Name a RUN, or --train, --test and --synthetic."),
        ("data folder --data.root nowhere", 3, "nowhere"),
    ],
)
def test_errors_are_one_line_with_the_right_code(
    brainzoo: Brainzoo, not_installed: None, words: str, code: int, line: str
) -> None:
    result = brainzoo(*words.split())
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    said = result.stderr.splitlines()
    assert len(said) == 1
    assert said[0].startswith("brainzoo: ")
    assert line in said[0]


def test_errors_in_json_go_to_stdout_too(brainzoo: Brainzoo, not_installed: None) -> None:
    result = brainzoo("run", "gan", "--data", "ixi", "--json")
    found = json.loads(result.stdout)
    assert (found["schema"], found["ok"]) == (1, False)
    assert found["error"]["code"] == "unknown-plugin"
    assert found["error"]["message"] == "there is no generator named 'gan'."
    assert found["error"]["hint"] == "Install it with: pip install brainzoo-gan"
    assert len(result.stderr.splitlines()) == 1


def test_an_unexpected_error_is_one_line_unless_debugging(brainzoo: Brainzoo, scans: Path) -> None:
    words = [*RUN, scans, "--fail", "unexpected", "--images", "8"]
    result = brainzoo(*words, "--out", "a")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "brainzoo: unexpected RuntimeError: a wheel came off. "
        "Run again with --debug for the traceback; please report it."
    )
    assert "Traceback" not in result.stderr
    assert "Traceback" in brainzoo(*words, "--out", "b", "--debug").stderr


def test_a_failure_after_training_says_what_is_kept(
    brainzoo: Brainzoo, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brainzoo.runs import pipeline

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "export", fail)
        result = brainzoo(*RUN, scans, "--images", "8", "--out", "r")
    assert result.exit_code == 8
    kept, last = result.stderr.splitlines()[-2:]
    assert kept == "What is done is kept; go on with: brainzoo run --resume r"
    assert last.startswith("brainzoo: the disk is full: r could not be written.")
    assert brainzoo("run", "--resume", "r").exit_code == 0


def test_a_damaged_run_yaml_is_named(brainzoo: Brainzoo) -> None:
    Path("r").mkdir()
    for text in ("a: [", "schema: 1", "schema: 99", "- 1", "\x00"):
        Path("r/run.yaml").write_text(text)
        result = brainzoo("run", "--resume", "r")
        assert result.exit_code == 6
        assert "r/run.yaml" in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_nobody_reading_the_output_is_no_error() -> None:
    script = f"{sys.executable} -m brainzoo plugins --json | true"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_plugin_whose_class_cannot_be_imported_is_incompatible(
    brainzoo: Brainzoo, install: Install, scans: Path
) -> None:
    module = """
from dataclasses import dataclass
from brainzoo import Spec, hookimpl
@dataclass(frozen=True)
class Config:
    pass
@hookimpl
def brainzoo_generators():
    return [Spec("hollow", "hollow_plugin:Nothing", Config, "Not there.")]
"""
    install("brainzoo-hollow", {"h": "hollow_plugin"}, modules={"hollow_plugin": module})
    words = ["run", "hollow", "--data", "folder", "--data.root", scans, "--images", "8"]
    result = brainzoo(*words)
    assert result.exit_code == 7
    assert "'hollow' of brainzoo-hollow 0.1.0 cannot be imported" in result.stderr
    assert not Path("runs").exists() or not list(Path("runs").iterdir())
