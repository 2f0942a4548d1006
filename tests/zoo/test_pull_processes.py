"""Pulling in several processes, of which some are killed or meet a full disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import hostile_server as hostile
import pytest
from hub_server import HubServer

from brainzoo.zoo.cache import place_of, root
from brainzoo.zoo.entry import Entry
from brainzoo.zoo.pull import pull

from .conftest import WEIGHTS, contents

PROGRAM = """
import resource, signal, sys
from brainzoo.cli import main
from brainzoo.zoo.pull import pull
from brainzoo.zoo.entry import Entry
from brainzoo.common.errors import BrainzooError
entry = Entry.model_validate_json(sys.argv[1])
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    print(pull(entry))
except BrainzooError as error:
    sys.exit(f"{error.exit_code} {error}")
"""


def start(entry: Entry, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, entry.model_dump_json(), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_a_killed_process_leaves_nothing_half_and_the_next_one_ends_it(
    server: HubServer, entry: Entry, checkpoint: Path
) -> None:
    asked = threading.Event()
    server.before["storage"] = lambda server: asked.set()
    server.faults[WEIGHTS] = [hostile.hold(100_000)]
    process = start(entry)
    assert asked.wait(), process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not place_of(entry).exists()
    assert contents(pull(entry)) == contents(checkpoint)


def test_four_processes_download_once(server: HubServer, entry: Entry, checkpoint: Path) -> None:
    server.faults[WEIGHTS] = [hostile.slow(0.1)]
    processes = [start(entry) for _ in range(4)]
    results = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, results
    folders = {out.strip() for out, _ in results}
    assert len(folders) == 1
    assert contents(Path(folders.pop())) == contents(checkpoint)
    for name in entry.files:
        assert len(server.fetched(name)) == 1, name


def test_a_full_disk_is_said(server: HubServer, entry: Entry, checkpoint: Path) -> None:
    process = start(entry, "100000")  # no file may grow beyond: what a full disk looks like
    _, said = process.communicate()
    assert process.returncode == 1
    assert said.splitlines()[-1].startswith("8 the disk is full: "), said
    assert not place_of(entry).exists()
    assert contents(pull(entry)) == contents(checkpoint)


CANARY = """
import os, pathlib
pathlib.Path(os.environ["CANARY"]).write_text("ran")
"""


def test_nothing_that_arrives_is_imported_or_run(
    server: HubServer, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code is planted under every name that Python, pytest or a loader might pick up."""
    import pickle

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str, str]]:
            return exec, (CANARY, "")

    canary = tmp_path / "canary"
    monkeypatch.setenv("CANARY", str(canary))
    names = ("__init__.py", "config.py", "generator.py", "sitecustomize.py", "evil.pth")
    planted = {name: CANARY.encode() for name in names}
    planted["pytorch_model.bin"] = planted["model.pkl"] = pickle.dumps("x")
    planted["setup.py"] = planted["modeling.py"] = CANARY.encode()
    commit = server.add("maker/trap", contents(checkpoint) | planted)
    command = f"brainzoo.load('hf:maker/trap@{commit}').sample(1, seed=0)"
    program = f"import brainzoo; next({command})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not canary.exists()
    folder = next(root().glob("maker--trap-*"))
    assert not set(planted) & set(contents(folder))

    trapped = contents(checkpoint) | {WEIGHTS: pickle.dumps(Bomb(), 4)}
    commit = server.add("maker/trap", trapped)
    done = subprocess.run(
        [sys.executable, "-m", "brainzoo", "pull", f"hf:maker/trap@{commit}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 6, done.stderr
    assert not canary.exists()
