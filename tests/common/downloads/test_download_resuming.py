"""A transfer that was stopped goes on from what is here, and never mixes files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from http.client import HTTPResponse
from pathlib import Path
from types import SimpleNamespace

import hostile_server as hostile
import pytest
from hostile_server import HostileServer
from waiting import wait_until

from brainzoo.common.downloads import download as module
from brainzoo.common.errors import DiskError, NetworkError
from brainzoo.common.locks import locked

from .conftest import CONTENT, MD5, fetch, leftovers


def test_an_interrupted_transfer_goes_on_where_it_was(
    server: HostileServer, tmp_path: Path
) -> None:
    server.faults["file.tar"] = [hostile.truncate(100_000), hostile.truncate(50_000)]
    fetch(server, tmp_path, md5=MD5)
    assert [asked.range for asked in server.requests] == [None, "bytes=100000-", "bytes=150000-"]
    assert sum(asked.sent for asked in server.requests) == len(CONTENT)


def test_a_file_that_changed_meanwhile_is_never_mixed(
    server: HostileServer, tmp_path: Path
) -> None:
    server.faults["file.tar"] = [hostile.truncate(100_000)] + [hostile.status(500)] * 9
    with pytest.raises(NetworkError):
        fetch(server, tmp_path)
    changed = CONTENT[::-1]
    server.faults.clear()
    server.files["file.tar"] = changed
    assert fetch(server, tmp_path).read_bytes() == changed


def test_without_a_checksum_it_starts_anew(server: HostileServer, tmp_path: Path) -> None:
    server.faults["file.tar"] = [hostile.truncate(100_000)]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert [asked.range for asked in server.requests] == [None, None]


def test_a_foreign_part_is_caught_by_the_checksum_and_fetched_anew(
    server: HostileServer, tmp_path: Path
) -> None:
    (tmp_path / "file.tar.part").write_bytes(b"x" * 1000)
    assert fetch(server, tmp_path, md5=MD5).read_bytes() == CONTENT
    assert [asked.range for asked in server.requests] == ["bytes=1000-", None]


def test_a_full_disk_keeps_what_is_here(
    server: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = HTTPResponse.read1

    def full(response: HTTPResponse, most: int) -> bytes:
        if len(server.requests) < 2:
            return read(response, most)
        raise OSError(28, "No space left on device")

    server.faults["file.tar"] = [hostile.truncate(100_000)]
    monkeypatch.setattr(HTTPResponse, "read1", full)
    with pytest.raises(DiskError, match="disk is full"):
        fetch(server, tmp_path, md5=MD5)
    monkeypatch.undo()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert fetch(server, tmp_path, md5=MD5).read_bytes() == CONTENT
    assert server.requests[-1].range == "bytes=100000-"


def test_ctrl_c_keeps_what_is_here(
    server: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    server.faults["file.tar"] = [hostile.truncate(100_000)]
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=interrupt))
    with pytest.raises(KeyboardInterrupt):
        fetch(server, tmp_path)
    assert (tmp_path / "file.tar.part").read_bytes() == CONTENT[:100_000]


PROGRAM = """
import sys
from pathlib import Path
from brainzoo.common.downloads.download import Patience, Remote, download
remote = Remote("file.tar", (sys.argv[1],), md5=sys.argv[3])
download(remote, Path(sys.argv[2]), patience=Patience(600, 3, 0.1))
"""


def start(
    server: HostileServer, folder: Path, stderr: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PROGRAM, f"{server.address}file.tar", str(folder), MD5]
    return subprocess.Popen(command, stderr=stderr)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_process_goes_on_from_its_part(
    server: HostileServer, tmp_path: Path, how: signal.Signals
) -> None:
    part = tmp_path / "file.tar.part"
    ranges = []
    for _ in range(2):
        server.faults["file.tar"] = [hostile.hold(100_000)]
        before = part.stat().st_size if part.exists() else 0
        process = start(server, tmp_path)
        wait_until(lambda before=before: part.exists() and part.stat().st_size > before, process)
        process.send_signal(how)
        process.wait()
        assert not (tmp_path / "file.tar").exists()
        ranges.append(f"bytes={part.stat().st_size}-")
    assert fetch(server, tmp_path, md5=MD5).read_bytes() == CONTENT
    assert [asked.range for asked in server.requests] == [None, *ranges]
    assert leftovers(tmp_path) == ["file.tar"]


def test_two_processes_download_once(server: HostileServer, tmp_path: Path) -> None:
    waits = threading.Event()
    server.faults["file.tar"] = [hostile.until(waits)]
    ours, theirs = os.pipe()
    processes = [start(server, tmp_path, theirs) for _ in range(2)]
    os.close(theirs)
    with open(ours) as messages:  # noqa: PTH123 - a pipe has no path
        for line in messages:
            if "file.tar; waiting for it." in line:
                waits.set()
    assert [process.wait() for process in processes] == [0, 0]
    assert len(server.requests) == 1
    assert waits.is_set()


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    order = []

    def second() -> None:
        with locked(tmp_path / "thing"):
            order.append("second")

    with locked(tmp_path / "thing"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
