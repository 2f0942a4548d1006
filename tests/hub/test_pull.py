"""Pulling ends with a verified folder or one clear error, whatever the Hub does."""

from __future__ import annotations

from pathlib import Path

from hub_server import HubServer

from brainzoo import checkpoint as checkpoints
from brainzoo.hub import pull, store
from brainzoo.registry.schema import Entry

from .conftest import contents


def test_what_is_listed_arrives_and_nothing_else(
    server: HubServer, entry: Entry, checkpoint: Path
) -> None:
    folder = pull(entry)
    assert contents(folder) == contents(checkpoint)
    assert folder.parent == store.root()
    assert folder.name == f"tiny-heads-16-1.0.0-{entry.weights_sha256[:12]}"
    assert checkpoints.verify(folder).exact
    assert not [visit for visit in server.requests if "evil" in visit.path]
    assert [path.name for path in store.root().iterdir() if "partial" in path.name] == []


def test_what_is_here_needs_no_network(server: HubServer, entry: Entry) -> None:
    folder = pull(entry)
    server.requests.clear()
    assert pull(entry) == folder
    assert pull(entry, offline=True) == folder
    assert pull(entry, endpoint="http://127.0.0.1:9") == folder
    assert server.requests == []
