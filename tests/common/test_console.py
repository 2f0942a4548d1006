import os
import subprocess
import sys

import pytest

from brainzoo.common import console
from brainzoo.common.console import duration


def test_durations_are_told_as_people_do():
    said = [duration(seconds) for seconds in (3.4, 300, 9000, 10 * 86400)]
    assert said == ["3 s", "5 min", "2.5 h", "10.0 days"]


def test_progress_says_how_far_how_fast_and_how_long(monkeypatch, capsys):
    monkeypatch.setattr(console, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(console, "LINE_SECONDS", 0.0)
    with console.progress("drawing", 2000, done=500, unit="images") as advance:
        advance(500)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("drawing: 1,000 of 2,000, ")
    assert "images/s" in line
    assert line.endswith(" s left")


def test_what_takes_no_time_shows_no_progress(capsys):
    with console.progress("drawing", 2) as advance:
        advance(1)
        advance(1)
    assert capsys.readouterr().err == ""


def test_progress_within_progress_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(console, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with console.progress("outer", 2) as outer:
        outer(1)
        with console.progress("inner", 2) as inner:
            inner(1)
            console.note("a line above both")
    assert "a line above both" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["plugins"], ["run", "żółw"]])
def test_what_an_encoding_cannot_hold_is_a_question_mark(words):
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    line = [sys.executable, "-m", "brainzoo", *words]
    done = subprocess.run(line, env=environment, capture_output=True, check=False)
    assert done.returncode == (2 if "run" in words else 0) or done.returncode == 3
    assert b"UnicodeEncodeError" not in done.stderr
