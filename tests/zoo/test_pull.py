"""Pulling ends with a verified folder or one clear error."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import hostile_server as hostile
import pytest
from hub_server import HubServer

import brainzoo
from brainzoo import checkpoint as checkpoints
from brainzoo.checkpoint.weights_file import read_arrays, write_arrays
from brainzoo.common.errors import (
    BrainzooError,
    IncompatiblePluginError,
    IntegrityError,
    NetworkError,
    NotFoundError,
)
from brainzoo.zoo import cache
from brainzoo.zoo.entry import Entry, HubSource
from brainzoo.zoo.pull import pull

from ..conftest import Brainzoo
from .conftest import REPO, WEIGHTS, contents, entry_for, one_line, strays


def test_what_is_listed_arrives_and_nothing_else(
    server: HubServer, entry: Entry, checkpoint: Path
) -> None:
    folder = pull(entry)
    assert contents(folder) == contents(checkpoint)
    assert folder == cache.root() / f"tiny-heads-16-1.0.0-{entry.weights_sha256[:12]}"
    assert checkpoints.verify(folder).exact
    assert not [visit for visit in server.requests if "evil" in visit.path]
    assert strays() == []


def test_what_is_here_needs_no_network(server: HubServer, entry: Entry) -> None:
    folder = pull(entry)
    server.requests.clear()
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
    assert "is damaged: model.safetensors" in capsys.readouterr().err


def test_a_commit_that_no_registry_lists(server: HubServer, entry: Entry, checkpoint: Path) -> None:
    reference = f"hf:{REPO}@{server.repositories[REPO].head}"
    folder = pull(reference)
    assert contents(folder) == contents(checkpoint), "evil.py stays where it is"
    server.requests.clear()
    assert pull(reference) == folder == pull(reference, offline=True)
    assert server.requests == []


def test_a_tag_is_the_commit_that_it_was_at_first(
    server: HubServer, entry: Entry, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = server.repositories[REPO]
    first = repository.head
    repository.tags["v1.0.0"] = first
    folder = pull(f"hf:{REPO}@v1.0.0")
    assert first in capsys.readouterr().err
    assert folder == pull(f"hf:{REPO}@{first}", offline=True)
    assert folder == pull(f"hf:{REPO}@v1.0.0", offline=True)
    assert folder == brainzoo.from_pretrained(REPO, revision="v1.0.0").folder
    repository.tags["v1.0.0"] = server.add(REPO, contents(checkpoint) | {"LICENSE": b"other"})
    with pytest.raises(IntegrityError, match="somebody moved the tag"):
        pull(f"hf:{REPO}@v1.0.0")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"config.json": None}, IntegrityError, "has no config.json"),
        ({WEIGHTS: None}, IntegrityError, "has no model.safetensors"),
        ({WEIGHTS: b"\x80\x04."}, IntegrityError, "A pickle"),
        ({"config.json": b"<html>"}, IntegrityError, "not a sound checkpoint"),
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


def test_a_withdrawn_one_is_refused(server: HubServer, entry: Entry) -> None:
    with pytest.raises(NotFoundError, match=r"withdrawn: A subject was in it\. Use other"):
        pull(entry.model_copy(update={"withdrawn": "A subject was in it. Use other."}))


def test_a_commit_that_is_listed_is_held_to_its_entry(
    server: HubServer, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(entry.source, HubSource)
    reference = f"hf:{entry.source.hub}@{entry.source.revision}"
    monkeypatch.setattr("brainzoo.zoo.registry.known", lambda: [entry])
    assert pull(reference) == pull(entry), "one copy, compared with the digests of the registry"
    withdrawn = entry.model_copy(update={"withdrawn": "a subject was in it"})
    monkeypatch.setattr("brainzoo.zoo.registry.known", lambda: [withdrawn])
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


def test_every_error_is_ours(server: HubServer, entry: Entry) -> None:
    for code in (400, 402, 404, 408, 410, 418, 429, 451, 500, 503):
        server.faults["README.md"] = [hostile.status(code)] * 30
        with pytest.raises(BrainzooError) as caught:
            pull(entry)
        one_line(caught.value)
        assert caught.value.exit_code in (3, 5)
