"""Preparing in several processes, of which some are killed or meet a full disk."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from phantom import Heads
from waiting import wait_until

from brainzoo.common.errors import DiskError
from brainzoo.preparation.prepare import prepare

from .conftest import SMALL, in_cache


def test_workers_make_the_same_images(heads: Heads) -> None:
    alone = prepare(heads, SMALL, name="heads", workers=1, quiet=True)
    together = prepare(heads, SMALL, name="two", workers=2, quiet=True)
    np.testing.assert_array_equal(alone.read(), together.read())
    assert alone.table == together.table
    assert multiprocessing.active_children() == []


def test_processes_with_a_cold_cache_prepare_once(folder: Path) -> None:
    Heads(folder)
    code = (
        "from pathlib import Path\nfrom phantom import Heads\n"
        "from brainzoo.preparation.prepare import prepare, PrepareConfig\n"
        f"heads = Heads(Path({str(folder)!r}))\n"
        "prepare(heads, PrepareConfig(size=64, slices=40), name='heads', workers=1)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(3)
    ]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sum("prepared in" in text for text in said) == 1
    assert sum("prepared already" in text for text in said) == 2


def test_a_script_without_a_guard_runs_once(folder: Path, tmp_path: Path) -> None:
    Heads(folder)
    script = tmp_path / "script.py"
    script.write_text(
        f"print('once')\nfrom pathlib import Path\nfrom phantom import Heads\n"
        f"from brainzoo.preparation.prepare import prepare, PrepareConfig\n"
        f"images = prepare(Heads(Path({str(folder)!r})), PrepareConfig(size=32, slices=3), "
        f"name='heads', workers=2)\nprint(len(images))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.split() == ["once", "36"]
    assert "warning" not in done.stderr


def test_a_full_disk_leaves_nothing(heads: Heads, own_cache: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(DiskError, match="full"):
            prepare(heads, SMALL, name="heads", workers=1, quiet=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert in_cache(own_cache) == []
    assert len(prepare(heads, SMALL, name="heads", quiet=True)) == 36


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_leaves_nothing(
    heads: Heads, own_cache: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("brainzoo.data.pixels.ImagesWriter.append", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare(heads, SMALL, name="heads", workers=workers, quiet=True)
    assert in_cache(own_cache) == []
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_killed_while_preparing(
    folder: Path, tmp_path: Path, own_cache: Path, number: signal.Signals
) -> None:
    Heads(folder)
    script = tmp_path / "script.py"
    script.write_text(
        "import dataclasses, sys\nfrom pathlib import Path\nfrom phantom import Heads\n"
        "from brainzoo.preparation.prepare import prepare, PrepareConfig\n"
        f"heads = Heads(Path({str(folder)!r}))\n"
        "scans = [dataclasses.replace(s, scan=str(i)) for i in range(999) for s in heads.listed]\n"
        "heads.listed = scans\n"
        "prepare(heads, PrepareConfig(size=64), name='heads', workers=2)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    with process:
        wait_until(lambda: grows(own_cache), process)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        # It ends when the last process that holds the pipe has ended: no worker lives on.
        _, said = process.communicate()
    assert process.returncode == -number
    assert not [path for path in own_cache.iterdir() if not path.name.startswith(".")]
    if number == signal.SIGINT:
        assert in_cache(own_cache) == []
        assert said.count(b"KeyboardInterrupt") == 1


def grows(cache: Path) -> bool:
    """Tell whether pixels have been written: the workers are at work."""
    return any(path.stat().st_size > 1_000_000 for path in cache.glob(".*.part/pixels.npy"))


def test_what_a_kill_leaves_is_no_images_and_goes_away(heads: Heads, own_cache: Path) -> None:
    folder = prepare(heads, SMALL, name="heads", quiet=True).folder
    assert folder is not None
    left = folder.with_name(f".{folder.name}.0123abcd.part")
    folder.rename(left)
    (left / "images.json").unlink()
    young = left.with_name(f".{folder.name}.4567abcd.part")  # perhaps still being written
    young.mkdir()
    (young / "pixels.npy").write_bytes(b"")
    new = left.with_name(f".{folder.name}.89ababcd.part")  # made at this moment
    new.mkdir()
    for file in left.iterdir():
        os.utime(file, (1, 1))
    assert prepare(heads, SMALL, name="heads", quiet=True).folder == folder
    assert in_cache(own_cache) == sorted([young.name, new.name, folder.name])
