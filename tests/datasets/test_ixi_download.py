"""IXI downloaded from a server that misbehaves."""

from __future__ import annotations

import hashlib
import io
import json
import random
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import hostile_server as hostile
import pytest
from hostile_server import HostileServer, hostile_server
from scan_folders import volume_bytes, xls_bytes

from brainzoo.common.downloads.download import Patience
from brainzoo.common.errors import DataError, IntegrityError, NetworkError, OptionError
from brainzoo.datasets import ixi as ixi_download
from brainzoo.datasets.config import IxiConfig
from brainzoo.datasets.ixi import Ixi

from .conftest import EXPECTED, HEADER, ROWS, SCANS, people

HASTY = Patience(timeout_s=2, attempts=2, wait_s=0.01)


def tar_bytes(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def md5s(server: HostileServer) -> dict[str, str]:
    return {name: hashlib.md5(content).hexdigest() for name, content in server.files.items()}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostileServer]:
    scans = {name: volume_bytes(i) for i, name in enumerate(SCANS)}
    with hostile_server() as server:
        server.files["IXI.xls"] = xls_bytes([HEADER, *ROWS])
        server.files["IXI-T1.tar"] = tar_bytes({**scans, "../evil": b"x", "README": b"x"})
        monkeypatch.setattr(ixi_download, "ADDRESSES", (server.address,))
        monkeypatch.setattr(ixi_download, "MIRRORS", {})
        monkeypatch.setattr(ixi_download, "MD5", md5s(server))
        yield server


def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brainzoo.common.downloads.download.Patience", lambda: HASTY)


def test_downloaded_end_to_end_through_trouble(
    server: HostileServer, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty(monkeypatch)
    server.faults["IXI.xls"] = [hostile.status(500)]
    server.faults["IXI-T1.tar"] = [hostile.drop(3000), hostile.truncate(2000), hostile.status(503)]
    dataset = Ixi(IxiConfig())
    assert people(dataset) == EXPECTED
    folder = own_home / "downloads/ixi"
    kept = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    assert kept == ["IXI.xls", "T1"]
    assert sorted(p.name for p in (folder / "T1").iterdir()) == sorted(SCANS)
    assert (folder / "T1" / SCANS[1]).read_bytes() == volume_bytes(1)

    asked = len(server.requests)
    assert people(dataset) == EXPECTED
    assert len(server.requests) == asked  # everything is there: no network


def test_an_interrupted_download_is_taken_up_by_the_next_run(
    server: HostileServer, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty(monkeypatch)
    server.faults["IXI-T1.tar"] = [hostile.truncate(3000)] + [hostile.status(500)] * 2
    with pytest.raises(NetworkError, match=r"goes on from the 3 kB .* --data\.root"):
        Ixi(IxiConfig()).download()
    server.requests.clear()
    assert people(Ixi(IxiConfig())) == EXPECTED
    assert [(a.path, a.range) for a in server.requests] == [("/IXI-T1.tar", "bytes=3000-")]


PROGRAM = """
import json
import sys
from pathlib import Path
from brainzoo.datasets import ixi as ixi_download
from brainzoo.datasets.config import IxiConfig
from brainzoo.datasets.ixi import Ixi
ixi_download.ADDRESSES, ixi_download.MIRRORS = (sys.argv[1],), {}
ixi_download.MD5 = json.loads(sys.argv[2])
print("ready", flush=True)
Ixi(IxiConfig()).download()
print(len(list(Ixi(IxiConfig()).subjects())))
"""


def test_killed_at_random_moments_it_still_arrives_whole(
    server: HostileServer, own_home: Path
) -> None:
    chance = random.Random(0)
    scans = {
        f"IXI{i:03}-HH-{i:04}-T1.nii.gz": b"\x1f\x8b" + chance.randbytes(99) for i in range(300)
    }
    server.files["IXI-T1.tar"] = tar_bytes(scans)  # 460 kB: some 30 pieces of the server
    server.files["IXI.xls"] = xls_bytes([HEADER, *ROWS])
    server.faults["IXI-T1.tar"] = [hostile.slow(0.01)] * 30
    command = [sys.executable, "-c", PROGRAM, server.address, json.dumps(md5s(server))]
    for _ in range(2):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        process.communicate()
    last = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    assert last.stdout.decode().split() == ["ready", "300"]
    folder = own_home / "downloads/ixi"
    assert {path.name: path.read_bytes() for path in (folder / "T1").iterdir()} == scans
    assert not [p for p in folder.rglob("*") if ".part" in p.name or p.name.endswith(".tar")]


def test_an_interrupted_unpacking_needs_no_network(
    server: HostileServer, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ixi_download, "extract", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Ixi(IxiConfig()).download()
    monkeypatch.undo()
    monkeypatch.setenv("BRAINZOO_HOME", str(own_home))
    assert people(Ixi(IxiConfig())) == EXPECTED
    assert len(server.requests) == 2


def test_an_archive_left_by_a_kill_is_removed(server: HostileServer, own_home: Path) -> None:
    Ixi(IxiConfig()).download()
    tar = own_home / "downloads/ixi/IXI-T1.tar"
    tar.write_bytes(b"left")
    Ixi(IxiConfig()).download()
    assert not tar.exists()


@pytest.mark.parametrize("content", [b"not a tar", tar_bytes({"README": b"x"})])
def test_an_archive_that_is_not_ixi_leaves_nothing(
    server: HostileServer, own_home: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["IXI-T1.tar"] = content
    monkeypatch.setattr(ixi_download, "MD5", md5s(server))
    with pytest.raises(IntegrityError):
        Ixi(IxiConfig()).download()
    folder = own_home / "downloads/ixi"
    assert not (folder / "T1").exists()
    assert not (folder / ".T1.part").exists()
    assert not (folder / "IXI-T1.tar").exists()
    with pytest.raises(DataError, match="no T1 scans"):
        list(Ixi(IxiConfig()).subjects())


def test_the_published_checksum_is_enforced(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ixi_download.MD5, "IXI-T1.tar", "34901a0593b41dd19c1a1f746eac2d58")
    with pytest.raises(IntegrityError, match="expected 34901a0593b41dd19c1a1f746eac2d58"):
        Ixi(IxiConfig()).download()


def test_a_mirror_is_asked_first(server: HostileServer) -> None:
    with hostile_server() as mirror:
        mirror.files.update(server.files)
        assert people(Ixi(IxiConfig(mirror=mirror.address))) == EXPECTED
        assert [asked.path for asked in mirror.requests] == ["/IXI.xls", "/IXI-T1.tar"]
    assert server.requests == []
    for wrong in ("file:///etc/", "example.org", "http://"):
        with pytest.raises(OptionError, match="is not an address"):
            ixi_download.remote("IXI.xls", wrong)


def test_before_the_download_there_is_nothing() -> None:
    with pytest.raises(DataError, match="not been downloaded"):
        list(Ixi(IxiConfig()).subjects())
