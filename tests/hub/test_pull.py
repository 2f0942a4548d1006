"""Pulling ends with a verified folder or one clear error, whatever the Hub does."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import hostile_server as hostile
import hub_server
import pytest
from hub_server import GOOD, READER, STRANGER, HubHandler, HubServer

from brainzoo import checkpoint as checkpoints
from brainzoo.errors import (
    AuthorisationError,
    BrainzooError,
    DiskError,
    IncompatiblePluginError,
    IntegrityError,
    NetworkError,
    NotFoundError,
    OptionError,
)
from brainzoo.hub import client, pull, registry_bytes, store
from brainzoo.registry.schema import Entry, HubSource
from brainzoo.weights_file import read_arrays, write_arrays

from ..conftest import Brainzoo
from .conftest import REPO, contents, entry_for

WEIGHTS = "model.safetensors"


def one_line(error: BaseException) -> str:
    assert "\n" not in str(error)
    return str(error)


def strays() -> list[str]:
    """What lies in the store beside complete checkpoints, locks and notes."""
    return [p.name for p in store.root().glob(".*") if not p.name.endswith((".lock", ".verified"))]


def test_what_is_listed_arrives_and_nothing_else(
    server: HubServer, entry: Entry, checkpoint: Path
) -> None:
    folder = pull(entry)
    assert contents(folder) == contents(checkpoint)
    assert folder == store.root() / f"tiny-heads-16-1.0.0-{entry.weights_sha256[:12]}"
    assert checkpoints.verify(folder).exact
    assert not [visit for visit in server.requests if "evil" in visit.path]
    assert strays() == []


def test_what_is_here_needs_no_network(
    server: HubServer, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pull(entry)
    server.requests.clear()
    monkeypatch.setattr(store, "sha256", lambda path: pytest.fail(f"{path} was read again"))
    assert pull(entry) == folder
    assert pull(entry, offline=True) == folder
    assert pull(entry, endpoint="http://127.0.0.1:9") == folder
    assert server.requests == []


@pytest.mark.parametrize("how", ["option", "environment"])
def test_offline_and_not_here(
    server: HubServer, entry: Entry, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "environment":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for reference in (entry, f"hf:{REPO}@{'0' * 40}"):
        with pytest.raises(NetworkError, match="is not on this machine, and HF_HUB_OFFLINE"):
            pull(reference, offline=True if how == "option" else None)
    assert server.requests == []


def test_damage_in_the_store_is_noticed_and_mended(
    server: HubServer, entry: Entry, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = pull(entry)
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[:-1] + b"!")
    with pytest.raises(NetworkError, match="is not on this machine"):
        pull(entry, offline=True)
    assert pull(entry) == folder
    assert contents(folder) == contents(checkpoint)
    assert "is damaged: model.safetensors has another SHA-256" in capsys.readouterr().err


@pytest.mark.parametrize(
    "faults",
    [
        [hostile.drop(100_000), hostile.drop(1), hostile.drop(0)],
        [hostile.truncate(50_000), hostile.status(500), hostile.status(503)],
        [hub_server.flip(70_000)],
        [hostile.truncate(50_000), hub_server.flip(70_000)],
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


def test_a_flipped_byte_is_said_and_fetched_once_more(
    server: HubServer, entry: Entry, capsys: pytest.CaptureFixture[str]
) -> None:
    server.faults[WEIGHTS] = [hub_server.flip(70_000)]
    pull(entry)
    assert "sent a file of SHA-256" in capsys.readouterr().err
    assert len(server.fetched(WEIGHTS)) == 2


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
@pytest.mark.parametrize("by", ["entry", "commit"])
def test_what_is_wrong_twice_is_deleted(
    server: HubServer, entry: Entry, name: str, by: str
) -> None:
    server.faults[name] = [hub_server.flip(150)] * 9
    reference = entry if by == "entry" else f"hf:{REPO}@{server.repositories[REPO].head}"
    with pytest.raises(IntegrityError, match=f"{name} of {REPO} was wrong twice and is deleted"):
        pull(reference)
    assert list(store.root().rglob(f"{name}*")) == []
    server.faults.clear()
    pull(reference)


def test_a_transfer_goes_on_where_it_broke_off(server: HubServer, entry: Entry) -> None:
    server.faults[WEIGHTS] = [hostile.truncate(100_000)] + [hostile.status(500)] * 9
    with pytest.raises(NetworkError, match="goes on from the 100 kB"):
        pull(entry)
    server.faults.clear()
    server.requests.clear()
    pull(entry)
    assert [visit.range for visit in server.fetched(WEIGHTS)] == ["bytes=100000-"]


def test_a_commit_that_no_registry_lists(server: HubServer, entry: Entry, checkpoint: Path) -> None:
    reference = f"hf:{REPO}@{server.repositories[REPO].head}"
    folder = pull(reference)
    assert contents(folder) == contents(checkpoint), "evil.py stays where it is"
    server.requests.clear()
    assert pull(reference) == folder == pull(reference, offline=True)
    assert server.requests == []


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"config.json": None}, IntegrityError, "has no config.json"),
        ({WEIGHTS: None}, IntegrityError, "has no model.safetensors"),
        ({WEIGHTS: b"\x80\x04."}, IntegrityError, "is a Python pickle"),
        ({"config.json": b"<html>"}, IntegrityError, "no sound checkpoint"),
        ({"README.md": b"x" * 1_000_001}, IntegrityError, "at most 1000000 are taken"),
    ],
)
def test_a_commit_that_is_no_checkpoint(
    server: HubServer,
    checkpoint: Path,
    change: dict[str, bytes | None],
    error: type,
    message: str,
) -> None:
    files = {n: c for n, c in (contents(checkpoint) | change).items() if c is not None}
    with pytest.raises(error, match=message) as caught:
        pull(f"hf:{REPO}@{server.add(REPO, files)}")
    one_line(caught.value)
    assert strays() == []


def test_weights_of_another_checkpoint_are_refused(server: HubServer, checkpoint: Path) -> None:
    arrays = {name: array * 2 for name, array in read_arrays(checkpoint / WEIGHTS).items()}
    files = contents(checkpoint) | {WEIGHTS: write_arrays(arrays)}
    with pytest.raises(IntegrityError, match=r"config\.json names other weights than"):
        pull(f"hf:{REPO}@{server.add(REPO, files)}")


def test_a_later_format_says_so(server: HubServer, checkpoint: Path) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    files = contents(checkpoint) | {"config.json": json.dumps(config | {"format": 99}).encode()}
    with pytest.raises(IncompatiblePluginError, match="format 99"):
        pull(f"hf:{REPO}@{server.add(REPO, files)}")


@pytest.mark.parametrize(
    ("access", "token", "message"),
    [
        (
            {"private": True},
            None,
            "is private on 127.0.0.1:.* or is not there at all. Give --token",
        ),
        ({"private": True}, "hf_wrong", "refuses the token"),
        ({"gated": True}, None, "is gated: .* Ask for it at http.*/maker/tiny-heads-16"),
        ({"gated": True}, STRANGER, "is gated"),
        ({"gated": True}, "hf_wrong", "refuses the token"),
    ],
)
def test_what_may_not_be_had(
    server: HubServer, entry: Entry, access: dict[str, bool], token: str | None, message: str
) -> None:
    for key in access:
        setattr(server.repositories[REPO], key, True)
    with pytest.raises(AuthorisationError, match=message) as caught:
        pull(entry, token=token)
    assert caught.value.exit_code == 4
    assert "hf_" not in one_line(caught.value)
    assert pull(entry, token=READER).is_dir()


@pytest.mark.parametrize(
    ("reference", "token"),
    [(f"hf:maker/other@{'0' * 40}", READER), (f"hf:{REPO}@{'0' * 40}", None)],
)
def test_what_is_not_there(
    server: HubServer, entry: Entry, reference: str, token: str | None
) -> None:
    with pytest.raises(NotFoundError) as caught:
        pull(reference, token=token)
    repository, _, commit = reference.removeprefix("hf:").partition("@")
    assert one_line(caught.value).count(repository) == 1
    assert one_line(caught.value).count(commit) == 1


def test_a_token_goes_to_the_hub_that_it_is_for(
    server: HubServer, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", GOOD)
    server.repositories[REPO].gated = True
    with pytest.raises(AuthorisationError, match='--token "\\$HF_TOKEN"'):
        pull(entry)
    assert not [visit for visit in server.requests if visit.token], "HF_TOKEN is the official Hub's"
    monkeypatch.delenv("HF_ENDPOINT")
    assert client.Hub.of().headers == {"Authorization": f"Bearer {GOOD}"}
    assert client.Hub.of(endpoint=f"{client.OFFICIAL}/").token == GOOD
    assert client.Hub.of(endpoint="https://huggingface.co.evil.org").headers == {}


def test_a_token_is_not_sent_on_to_where_the_files_lie(server: HubServer, entry: Entry) -> None:
    pull(entry, token=READER)
    by_host = {(visit.host.partition(":")[0], visit.token) for visit in server.requests}
    assert by_host == {("127.0.0.1", READER), ("localhost", None)}


@pytest.mark.parametrize("address", ["huggingface.co", "ftp://a", "http://", "http://u:p@h", "x y"])
def test_an_endpoint_that_is_none(entry: Entry, address: str) -> None:
    with pytest.raises(OptionError, match="is no address of a Hub") as caught:
        pull(entry, endpoint=address)
    assert "u:p" not in str(caught.value), "no password on screens and in logs"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        "x",
        [1],
        [{"type": "file"}],
        [{"type": "file", "path": "a", "size": -1, "oid": "0" * 40}],
    ],
)
def test_an_answer_that_makes_no_sense(
    server: HubServer, entry: Entry, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    monkeypatch.setattr(HubHandler, "_tree", lambda self, **asked: self._json(answer))
    with pytest.raises(IntegrityError, match=r"makes no sense|has no model\.safetensors") as caught:
        pull(f"hf:{REPO}@{server.repositories[REPO].head}")
    one_line(caught.value)


def test_a_hub_that_hangs_up(server: HubServer, entry: Entry) -> None:
    def hang_up(server: HubServer) -> None:
        raise ConnectionResetError

    server.before["tree"] = hang_up
    with pytest.raises(NetworkError, match="closed the connection"):
        pull(f"hf:{REPO}@{server.repositories[REPO].head}")


def test_a_hub_that_is_silent_is_given_up_soon(
    server: HubServer, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    monkeypatch.setattr(client, "ANSWER_WITHIN_S", 0.3)
    server.before["resolve"] = lambda server: done.wait(20)
    try:
        with pytest.raises(NetworkError, match=r"127.0.0.1:\d+ does not answer") as caught:
            pull(entry)
    finally:
        done.set()
    assert "HF_ENDPOINT" in one_line(caught.value)
    assert client.ANSWER_WITHIN_S < 10


def test_no_hub_at_all(server: HubServer, entry: Entry) -> None:
    for endpoint in ("http://127.0.0.1:9", "http://no-such-host.invalid"):
        with pytest.raises(NetworkError, match=r"refuses connections|has no address") as caught:
            pull(entry, endpoint=endpoint)
        assert caught.value.exit_code == 5


def test_too_little_space_is_said_before_a_byte_is_written(
    server: HubServer, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(DiskError, match="of free space, found 10 bytes"):
        pull(entry)
    assert not list(store.root().rglob("*.part"))


def test_a_package_is_used_where_it_is(
    checkpoint: Path, install: Callable[..., Path], brainzoo: Brainzoo
) -> None:
    """Weights inside a wheel: found without importing the package, and without network."""
    site = install("brainzoo-shipped", {})
    inside = site / "brainzoo_shipped" / "checkpoints" / "tiny"
    shutil.copytree(checkpoint, inside)
    (site / "brainzoo_shipped" / "__init__.py").write_text("raise SystemExit('was imported')")
    source = {"package": "brainzoo-shipped", "path": "brainzoo_shipped/checkpoints/tiny"}
    entry = entry_for(inside, source)
    assert pull(entry, offline=True) == inside
    (inside / WEIGHTS).write_bytes(b"changed")
    with pytest.raises(IntegrityError, match=r"in brainzoo-shipped is damaged: .*force-reinstall"):
        pull(entry)


def test_a_withdrawn_one_is_refused_and_a_deprecated_one_said(
    server: HubServer, entry: Entry, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = {"reason": "a subject was in it", "replaced_by": "other"}
    with pytest.raises(NotFoundError, match=r"withdrawn: a subject was in it\. Use other"):
        pull(entry.model_copy(update={"status": "withdrawn", **changed}))
    pull(entry.model_copy(update={"status": "deprecated", **changed}))
    assert "1.0.0 is deprecated: a subject was in it" in capsys.readouterr().err


def test_a_commit_that_is_listed_is_held_to_its_entry(
    server: HubServer, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(entry.source, HubSource)
    reference = f"hf:{entry.source.hub}@{entry.source.revision}"
    monkeypatch.setattr("brainzoo.registry.known", lambda: [entry])
    assert pull(reference) == pull(entry), "one copy, compared with the digests of the registry"
    withdrawn = entry.model_copy(update={"status": "withdrawn", "reason": "a subject was in it"})
    monkeypatch.setattr("brainzoo.registry.known", lambda: [withdrawn])
    with pytest.raises(NotFoundError, match="withdrawn: a subject was in it"):
        pull(reference)


def test_pull_from_the_command_line(server: HubServer, entry: Entry, brainzoo: Brainzoo) -> None:
    reference = f"hf:{REPO}@{server.repositories[REPO].head}"
    done = brainzoo("pull", reference)
    assert done.exit_code == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert (folder / WEIGHTS).is_file()
    found = json.loads(brainzoo("pull", reference, "--json", "--offline").stdout)["data"]
    assert found == {"folder": str(folder), "weights_sha256": entry.weights_sha256}
    missing = brainzoo("pull", f"hf:{REPO}@{'1' * 40}", "--offline", "--json")
    assert missing.exit_code == 5
    assert json.loads(missing.stdout)["error"]["code"] == "network"
    assert brainzoo("pull", "hf:owner/repo@main").exit_code == 2


def test_the_registry_on_a_hub(server: HubServer) -> None:
    server.add("maker/zoo", {"registry.yaml": b"schema: 1"})
    assert registry_bytes("maker/zoo") == b"schema: 1"
    with pytest.raises(AuthorisationError):
        registry_bytes("maker/other")
    with pytest.raises(OptionError):
        registry_bytes("https://evil.org")


def test_every_error_is_ours(server: HubServer, entry: Entry) -> None:
    for code in (400, 402, 404, 408, 410, 418, 429, 451, 500, 503):
        server.faults["README.md"] = [hostile.status(code)] * 9
        with pytest.raises(BrainzooError) as caught:
            pull(entry)
        one_line(caught.value)
        assert caught.value.exit_code in (3, 5)
