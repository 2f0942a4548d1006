"""``brainzoo sample`` as processes that are killed, that run out of disk, and that stay small."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import wait_until

from brainzoo import Images
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.testing.heads import make_images
from brainzoo.testing.plugin import files_below

from ..conftest import Brainzoo

pytestmark = pytest.mark.usefixtures("tiny")

COMMAND = (sys.executable, "-m", "brainzoo", "sample")
WORDS = ("-n", "300", "--batch-size", "8", "--seed", "4")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return trained(tmp_path, 16)


def trained(folder: Path, size: int) -> Path:
    images = make_images(folder / "real", spatial=(size, size)).where(split="train")
    spec = plugins().get("generator", "tiny")
    generator = spec.load()(spec.config())
    (folder / "run").mkdir()
    run = Run(folder / "run", TrainConfig(images=8))
    generator.fit(images, run)
    generator.save(run.checkpoint)
    return run.checkpoint


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Return the ids of a process's workers."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    called = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    return [pid for pid, words in called.items() if b"spawn_main" in words]


def kill_parent(process: subprocess.Popen[str]) -> None:
    process.kill()


def press_ctrl_c(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="asks /proc for the workers")
@pytest.mark.parametrize(
    ("stop", "code", "line"),
    [
        (kill_parent, -signal.SIGKILL, ""),
        (press_ctrl_c, 130, "stopped; what was drawn is kept. Run it again to go on."),
    ],
    ids=["parent killed", "Ctrl-C"],
)
def test_a_stop_of_any_kind_loses_nothing(
    brainzoo: Brainzoo,
    checkpoint: Path,
    tmp_path: Path,
    stop: Callable[[subprocess.Popen[str]], None],
    code: int,
    line: str,
) -> None:
    made, journal = tmp_path / "made", tmp_path / "made.part" / "done.jsonl"
    process = subprocess.Popen(
        [*COMMAND, str(checkpoint), *WORDS, "--workers", "2", "--out", str(made)],
        env={**os.environ, "TINY_HOLD_AT": "64"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: journal.is_file() and journal.read_text().count("\n") >= 3, process)
    workers = workers_of(process)
    stop(process)
    _, stderr = process.communicate()
    assert process.returncode == code
    assert "Traceback" not in stderr
    assert line in stderr
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    assert not made.exists()
    drawn = json.loads(
        brainzoo("sample", checkpoint, *WORDS, "--workers", "1", "--out", made, "--json").stdout
    )["data"]
    assert drawn["resumed"] >= 24
    brainzoo("sample", checkpoint, *WORDS, "--out", "whole")
    assert files_below(made) == files_below(Path("whole"))
    assert not journal.parent.exists()


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    checkpoint, peaks = trained(tmp_path, 64), []
    for n in (500, 5000):  # 4 and 41 MB of pixels
        found = subprocess.run(
            [*COMMAND, str(checkpoint), "-n", str(n), "--workers", "1", "--json"],
            capture_output=True,
            check=True,
            cwd=tmp_path,
        )
        peaks.append(json.loads(found.stdout)["data"]["peak_memory_bytes"] / 2**20)
    assert peaks[1] - peaks[0] < 10
    assert len(Images.open(tmp_path / "samples-002", verify=True)) == 5000


def test_says_how_fast_it_was_and_with_how_much(brainzoo: Brainzoo, checkpoint: Path) -> None:
    words = ("sample", checkpoint, "-n", "40", "--batch-size", "8", "--workers", "2")
    result = brainzoo(*words)
    assert result.stdout == "samples-001\n"
    last = result.stderr.splitlines()[-1]
    assert last.startswith("40 images in ")
    assert " images/s with " in last
    assert ", peak memory " in last
    told = json.loads(brainzoo(*words, "--json").stdout)["data"]
    assert (told["folder"], told["images"], told["workers"] in (1, 2)) == ("samples-002", 40, True)
    assert told["images_per_second"] == pytest.approx(40 / told["seconds"], rel=0.05)
    assert told["info"]["synthetic"] is True
    assert 10e6 < told["peak_memory_bytes"] < 10e9


def test_without_out_a_command_goes_on_where_it_was_and_others_begin_anew(
    brainzoo: Brainzoo, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brainzoo.sampling.sinks import Sink

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Sink, "finish", interrupted)
        assert brainzoo("sample", checkpoint, "-n", "30").exit_code == 130
    assert brainzoo("sample", checkpoint, "-n", "31").stdout == "samples-002\n"
    result = brainzoo("sample", checkpoint, "-n", "30")
    assert result.stdout == "samples-001\n"
    assert "going on: 30 of 30 images are drawn already." in result.stderr
    assert len(Images.open("samples-001", verify=True)) == 30
