"""A drawing that was stopped goes on, and nothing is lost or overwritten."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainzoo import Images
from brainzoo.common.errors import DiskError, ExistsError, OptionError
from brainzoo.sampling import Request, draw, sinks
from brainzoo.testing.plugin import files_below

from .conftest import Draw, N, stopped_after

pytestmark = pytest.mark.usefixtures("tiny")


def test_a_stop_keeps_what_is_drawn_and_the_same_request_goes_on(
    drawn: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn("whole")
    stopped_after(monkeypatch, 3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        drawn("made")
    assert not (tmp_path / "made").exists()
    assert drawn("made", batch_size=5).resumed == 24
    assert "going on: 24 of 50 images are drawn already." in capsys.readouterr().err
    assert files_below(tmp_path / "made") == files_below(tmp_path / "whole")
    assert not (tmp_path / "made.part").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda part: (part / "done.jsonl").write_bytes((part / "done.jsonl").read_bytes()[:-9]),
        lambda part: os.truncate(part / "files/pixels.npy", 9000),
        lambda part: (part / "files/pixels.npy").write_bytes(b"x" * 25_728),
        lambda part: (part / "files/pixels.npy").unlink(),
    ],
    ids=["journal cut", "pixels cut", "pixels lost", "no pixels"],
)
def test_what_a_crash_damaged_is_drawn_again(
    drawn: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], Any]
) -> None:
    drawn("whole")
    stopped_after(monkeypatch, 4, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        drawn("made")
    damage(tmp_path / "made.part")
    drawn("made")
    assert files_below(tmp_path / "made") == files_below(tmp_path / "whole")


@pytest.mark.parametrize(
    ("other", "line"),
    [
        ({"seed": 1}, "seed 0, expected 1"),
        ({"n": 40}, "n 50, expected 40"),
        ({"condition": {"class": "old"}}, "condition.class none, expected old"),
        ({"sampling": {"noise": 0.3}}, "sampling.noise 0.1, expected 0.3"),
    ],
)
def test_another_request_does_not_go_on(
    drawn: Draw,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    other: dict[str, Any],
    line: str,
) -> None:
    stopped_after(monkeypatch, 3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        drawn("made")
    with pytest.raises(ExistsError, match=r"made\.part is of another request") as caught:
        drawn("made", **other)
    assert line in caught.value.message
    assert drawn("made").resumed == 24


def test_other_weights_do_not_go_on(
    drawn: Draw, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_after(monkeypatch, 3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        drawn("made")
    request = json.loads((tmp_path / "made.part/request.json").read_text())
    request["checkpoint_sha256"] = "0" * 64
    (tmp_path / "made.part/request.json").write_text(json.dumps(request))
    with pytest.raises(ExistsError, match="checkpoint_sha256 000000000000…, expected"):
        drawn("made")
    replaced = draw(Request(checkpoint, N), tmp_path / "made", workers=1, replace=True)
    assert replaced.resumed == 0
    assert len(Images.open(replaced.folder, verify=True)) == N


def test_a_finished_folder_is_never_touched(drawn: Draw, tmp_path: Path) -> None:
    drawn("made")
    before = files_below(tmp_path / "made")
    for n in (N, 2 * N):
        with pytest.raises(ExistsError, match="made exists already"):
            drawn("made", n=n)
    assert files_below(tmp_path / "made") == before


def test_two_processes_do_not_draw_the_same_folder(
    drawn: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.undo()
        with pytest.raises(ExistsError, match="another process is drawing"):
            drawn("made")
        raise KeyboardInterrupt

    stopped_after(monkeypatch, 2, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        drawn("made")
    monkeypatch.setattr(sinks.Sink, "write", meanwhile)
    with pytest.raises(KeyboardInterrupt):
        drawn("made")
    assert drawn("made").resumed == 16


def test_what_cannot_be_drawn_leaves_nothing(drawn: Draw, tmp_path: Path) -> None:
    for refused in ({"condition": {"class": "older"}}, {"sampling": {"noise": -1.0}}, {"n": 0}):
        with pytest.raises(OptionError):
            drawn("made", **refused)
    assert not (tmp_path / "made.part").exists()


def test_a_disk_that_fills_up_is_one_line_and_nothing_is_lost(
    drawn: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn("whole")
    stopped_after(monkeypatch, 3, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    with pytest.raises(DiskError, match=r"the disk is full: .*made could not be written"):
        drawn("made")
    assert drawn("made").resumed == 24
    assert files_below(tmp_path / "made") == files_below(tmp_path / "whole")


def test_a_disk_that_is_too_small_is_refused_at_once(
    drawn: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=20_000)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    with pytest.raises(DiskError, match=r"needs 26 kB of free space, found 20"):
        drawn("made")
    assert not (tmp_path / "made.part").exists()
