"""What a tracker and a plugin are told while a model trains."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from training import tiny

from brainzoo.common.errors import NotFoundError


def test_tensorboard_gets_figures_and_sample_grids(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tiny.train(tmp_path, images=800, track="tensorboard")
    seen = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    lines = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    losses = {event.step: event.value for event in seen.Scalars("loss/maker")}
    assert losses == pytest.approx({line["images"]: line["losses"]["maker"] for line in lines})
    grids = [int(p.stem) for p in (tmp_path / "progress").glob("*.png") if p.stem.isdigit()]
    assert sorted(event.step for event in seen.Images("samples")) == sorted(grids)
    assert seen.Images("samples")[0].width > 60


def test_a_tracker_that_is_not_there_is_an_error_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(NotFoundError, match="pip install trackio"):
        tiny.train(tmp_path, images=80, track="trackio")


CALLED = """
import json
import os
from brainzoo.api import hookimpl

@hookimpl
def brainzoo_progress(line, picture):
    with open(os.environ["TOLD"], "a") as file:
        print(json.dumps([line["images"], picture and picture[:4].decode("latin-1")]), file=file)
"""
FAILS = CALLED.replace("    with", "    raise SystemError('full')\n    with")


def test_a_plugin_is_told(tmp_path: Path, install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install("brainzoo-told", {"told": "told"}, modules={"told": CALLED})
    monkeypatch.setenv("TOLD", str(tmp_path / "told.jsonl"))
    tiny.train(tmp_path / "run", images=80)
    told = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    assert told[0] == [0, "\x89PNG"]
    assert told[-1] == [80, "\x89PNG"]
    assert [80, None] in told


def test_one_that_fails_is_warned_of_once(
    tmp_path: Path, install: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    install("brainzoo-told", {"told": "told"}, modules={"told": FAILS})
    tiny.train(tmp_path / "run", images=80)
    assert (tmp_path / "run" / "stats.jsonl").read_text()
    assert capsys.readouterr().err.count("left out") == 1
