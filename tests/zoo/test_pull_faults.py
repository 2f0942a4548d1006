"""Pulling from a Hub that misbehaves: the right bytes arrive, or one clear error is said."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import hostile_server as hostile
import hub_server
import pytest
from hub_server import HubHandler, HubServer

from brainzoo.common.errors import DiskError, IntegrityError, NetworkError
from brainzoo.zoo import cache, hub
from brainzoo.zoo.entry import Entry
from brainzoo.zoo.pull import pull

from .conftest import REPO, WEIGHTS, contents, one_line, strays


@pytest.mark.parametrize(
    "faults",
    [
        [hostile.drop(100_000), hostile.drop(1), hostile.drop(0)],
        [hostile.truncate(50_000)],
        [hostile.status(503)],
        [hostile.whole(change=lambda content: content[:1000])],
        [hostile.status(200)],
    ],
)
def test_the_right_bytes_arrive_in_the_end(
    server: HubServer, entry: Entry, checkpoint: Path, faults: list[hostile.Fault]
) -> None:
    server.faults[WEIGHTS] = list(faults)
    try:
        folder = pull(entry)
    except NetworkError:  # an address that shows a web page or another size may do so for long
        folder = pull(entry)
    assert contents(folder) == contents(checkpoint)
    assert strays() == []


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
@pytest.mark.parametrize("by", ["entry", "commit"])
def test_what_is_wrong_is_deleted(server: HubServer, entry: Entry, name: str, by: str) -> None:
    server.faults[name] = [hub_server.flip(150)]
    address = entry if by == "entry" else f"hf:{REPO}@{server.repositories[REPO].head}"
    with pytest.raises(IntegrityError, match=f"{name} of hf:{REPO}.*refused and deleted"):
        pull(address)
    assert list(cache.root().rglob(name)) == []
    server.faults.clear()
    pull(address)


def test_whole_files_are_not_fetched_again(server: HubServer, entry: Entry) -> None:
    server.faults["verdict.json"] = server.faults["LICENSE"] = [hostile.status(500)] * 9
    with pytest.raises(NetworkError):
        pull(entry)
    server.faults.clear()
    server.requests.clear()
    pull(entry)
    assert server.fetched("LICENSE")
    assert not server.fetched(WEIGHTS)


@pytest.mark.parametrize(
    "answer", [{}, "x", [1], {"siblings": 1}, {"siblings": [{"rfilename": WEIGHTS, "size": -1}]}]
)
def test_an_answer_that_makes_no_sense(
    server: HubServer, entry: Entry, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    monkeypatch.setattr(HubHandler, "_info", lambda self, **asked: self._json(answer))
    with pytest.raises((IntegrityError, NetworkError)) as caught:
        pull(f"hf:{REPO}@{server.repositories[REPO].head}")
    one_line(caught.value)


def test_a_hub_that_is_silent_is_given_up_soon(
    server: HubServer, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    monkeypatch.setattr(hub, "ANSWER_WITHIN_S", 0.3)
    server.before["info"] = lambda server: done.wait(20)
    try:
        with pytest.raises(NetworkError, match=r"127.0.0.1:\d+ cannot be reached") as caught:
            pull(entry)
    finally:
        done.set()
    assert "HF_ENDPOINT" in one_line(caught.value)


def test_no_hub_at_all(server: HubServer, entry: Entry) -> None:
    for endpoint in ("http://127.0.0.1:9", "http://no-such-host.invalid"):
        with pytest.raises(NetworkError, match=r"cannot be reached") as caught:
            pull(entry, endpoint=endpoint)
        assert caught.value.exit_code == 5


def test_too_little_space_is_said_before_a_byte_is_written(
    server: HubServer, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(DiskError, match="of free space, found"):
        pull(entry)
    assert not server.fetched()
