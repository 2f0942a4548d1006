"""The downloader ends with the right bytes or one clear error, whatever a server does."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import hostile_server as hostile
import pytest
from hostile_server import HostileServer, hostile_server

from brainzoo.common.downloads import download as module
from brainzoo.common.downloads.download import Patience, Remote, download
from brainzoo.common.errors import DiskError, IntegrityError, NetworkError

from .conftest import CONTENT, HASTY, MD5, SHA256, fetch, leftovers


def test_a_file_arrives_alone(server: HostileServer, tmp_path: Path) -> None:
    assert fetch(server, tmp_path / "new", md5=MD5).read_bytes() == CONTENT
    assert leftovers(tmp_path / "new") == ["file.tar"]


def test_what_is_there_is_not_asked_for(server: HostileServer, tmp_path: Path) -> None:
    (tmp_path / "file.tar").write_bytes(b"mine")
    assert fetch(server, tmp_path, md5=MD5).read_bytes() == b"mine"
    assert server.requests == []


@pytest.mark.parametrize("known", [{"md5": MD5}, {"sha256": SHA256[:8].upper()}])
@pytest.mark.parametrize(
    "faults",
    [
        [hostile.drop(100_000), hostile.drop(1), hostile.drop(0), hostile.drop(50_000)],
        [hostile.status(500), hostile.truncate(70_000), hostile.status(503), hostile.truncate(0)],
        [hostile.drop(100_000), hostile.wrong_part(5)],
        [hostile.drop(100_000), hostile.whole()],
        [hostile.raw(b""), hostile.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n")],
        [hostile.raw(b"SSH-2.0-OpenSSH\r\n")],
        [hostile.drop(100_000), hostile.chunked(after=150_000), hostile.chunked()],
    ],
)
def test_the_right_bytes_arrive_in_the_end(
    server: HostileServer, tmp_path: Path, faults: list[hostile.Fault], known: dict[str, object]
) -> None:
    server.faults["file.tar"] = list(faults)
    assert fetch(server, tmp_path, **known).read_bytes() == CONTENT
    assert leftovers(tmp_path) == ["file.tar"]


def test_a_part_beyond_the_end_is_fetched_anew(server: HostileServer, tmp_path: Path) -> None:
    (tmp_path / "file.tar.part").write_bytes(bytes(300_001))
    assert fetch(server, tmp_path, md5=MD5).read_bytes() == CONTENT


def test_a_silent_connection_is_given_up_and_the_next_goes_on(
    server: HostileServer, tmp_path: Path
) -> None:
    server.faults["file.tar"] = [hostile.hold(100_000)]
    assert fetch(server, tmp_path, Patience(0.5, 9, 0.01), md5=MD5).read_bytes() == CONTENT
    assert server.requests[1].range == "bytes=100000-"


def test_a_second_address_takes_over_what_the_first_began(
    server: HostileServer, tmp_path: Path
) -> None:
    server.files["mirror.tar"] = CONTENT
    server.faults["file.tar"] = [hostile.truncate(100_000)] + [hostile.status(500)] * 9
    urls = (f"{server.address}file.tar", f"{server.address}mirror.tar")
    path = download(Remote("file.tar", urls, md5=MD5), tmp_path, patience=HASTY, quiet=True)
    assert path.read_bytes() == CONTENT
    assert server.requests[-1].range == "bytes=100000-"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (hostile.status(404), "404"),
        (hostile.status(403), "403"),
        (hostile.status(200), "web page"),
        (hostile.whole(Content_Encoding="gzip"), "encoded"),
        (hostile.whole(change=lambda content: content[:-1]), "299999 bytes where 300000"),
        (hostile.status(302, {"Location": "file:///etc/passwd"}), "302"),
        (hostile.status(302, {"Location": "/file.tar"}), "302"),
    ],
)
def test_an_address_that_will_not_do_is_left_for_the_next(
    server: HostileServer, tmp_path: Path, fault: hostile.Fault, reason: str
) -> None:
    server.files["mirror.tar"] = CONTENT
    server.faults["file.tar"] = [fault] * 20
    urls = (f"{server.address}file.tar", f"{server.address}mirror.tar")
    remote = Remote("file.tar", urls, size=300_000)
    assert download(remote, tmp_path, patience=HASTY, quiet=True).read_bytes() == CONTENT

    only = Remote("other.tar", urls[:1], size=300_000)
    server.faults["file.tar"] = [fault] * 20
    with pytest.raises(NetworkError, match=reason) as caught:
        download(only, tmp_path, patience=HASTY, quiet=True)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 5


def test_a_web_page_in_between_costs_nothing_that_is_here(
    server: HostileServer, tmp_path: Path
) -> None:
    server.faults["file.tar"] = [hostile.truncate(100_000), hostile.status(200)]
    with pytest.raises(NetworkError, match="goes on from the 100 kB"):
        fetch(server, tmp_path, md5=MD5)
    assert fetch(server, tmp_path, md5=MD5).read_bytes() == CONTENT
    assert server.requests[-1].range == "bytes=100000-"


def test_redirects_are_followed_and_keep_the_range(server: HostileServer, tmp_path: Path) -> None:
    there = hostile.status(302, {"Location": "/real.tar"})
    server.files["real.tar"] = CONTENT
    server.faults["file.tar"] = [there, there]
    server.faults["real.tar"] = [hostile.truncate(100_000)]
    assert fetch(server, tmp_path, md5=MD5).read_bytes() == CONTENT
    assert server.requests[-1].path == "/real.tar"
    assert server.requests[-1].range == "bytes=100000-"


@pytest.mark.parametrize("known", [{"md5": "0" * 32}, {"sha256": "0" * 64}])
def test_wrong_bytes_never_get_the_name(
    server: HostileServer, tmp_path: Path, known: dict[str, str]
) -> None:
    with pytest.raises(IntegrityError, match=f"expected {'0' * 32}") as caught:
        fetch(server, tmp_path, **known)
    assert caught.value.exit_code == 6
    assert leftovers(tmp_path) == []


def test_a_length_that_lies_is_caught(server: HostileServer, tmp_path: Path) -> None:
    short = hostile.whole(change=lambda content: content[:200_000])
    server.faults["file.tar"] = [short, short]
    with pytest.raises(IntegrityError):
        fetch(server, tmp_path, md5=MD5)
    server.faults["file.tar"] = [hostile.unannounced(200_000)]
    with pytest.raises(NetworkError, match="how long"):
        fetch(server, tmp_path)
    server.faults["file.tar"] = [hostile.unannounced(200_000)] * 3
    with pytest.raises(IntegrityError, match="200000 bytes"):
        fetch(server, tmp_path, size=300_000, md5=MD5)
    server.faults["file.tar"] = [hostile.unannounced()]
    assert fetch(server, tmp_path, md5=MD5).read_bytes() == CONTENT


def test_a_server_that_never_gets_further_is_given_up(
    server: HostileServer, tmp_path: Path
) -> None:
    server.faults["file.tar"] = [hostile.whole(Content_Length="999999")] * 50
    with pytest.raises(NetworkError, match="broke off"):
        fetch(server, tmp_path)
    assert len(server.requests) <= 1 + HASTY.attempts


def test_no_server_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile_server() as server:
        gone = server.address
    remote = Remote("file.tar", (f"{gone}file.tar", "http://no-such-host.invalid/file.tar"))
    waits = SimpleNamespace(sleep=lambda seconds: pytest.fail("it waited"))
    monkeypatch.setattr(module, "time", waits)
    with pytest.raises(NetworkError, match=r"refused.*; no-such-host\.invalid"):
        download(remote, tmp_path, quiet=True)  # with the usual patience: hopeless is seen at once


def test_too_little_space_is_said_before_a_byte_is_written(
    server: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = SimpleNamespace(free=500_000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: free)
    remote = Remote("file.tar", (f"{server.address}file.tar",))
    with pytest.raises(DiskError, match="needs 600 kB of free space, found 500 kB") as caught:
        download(remote, tmp_path, space=2, patience=HASTY, quiet=True)
    assert caught.value.exit_code == 8
    assert not (tmp_path / "file.tar.part").exists()
    free.free = 600_000
    assert download(remote, tmp_path, space=2, patience=HASTY).read_bytes() == CONTENT


def test_an_endless_file_does_not_fill_the_disk(
    server: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    server.faults["file.tar"] = [hostile.chunked()]
    with pytest.raises(DiskError):
        fetch(server, tmp_path)


def test_progress_in_a_log_is_a_line_now_and_then(
    server: HostileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("brainzoo.common.console.FIRST_SECONDS", 0.0)
    server.faults["file.tar"] = [hostile.truncate(100_000)]
    download(Remote("file.tar", (f"{server.address}file.tar",)), tmp_path, patience=HASTY)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("file.tar: ")
    assert lines[0].endswith(" s left")
    assert [line for line in lines if "trying again" in line]
    assert len(lines) < 4
