"""Publishing with the real Hub client: one commit, one tag, and back again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hub_server import GOOD, READER, HubHandler, HubServer

from brainzoo import checkpoint as checkpoints
from brainzoo.common.errors import (
    AuthorisationError,
    ExistsError,
    NetworkError,
    NotFoundError,
    OptionError,
)
from brainzoo.zoo.hub import Hub
from brainzoo.zoo.pull import pull
from brainzoo.zoo.push import GateError, Plan, Published, push
from brainzoo.zoo.registry import dump_entries, parse_registry

from ..conftest import Brainzoo
from .conftest import contents

# The Hub's client gives its HTTP library files in a way that this one frowns on.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

REPO = "maker/tiny-heads-16"


def published(*arguments: Any, **options: Any) -> Published:
    done = push(*arguments, token=GOOD, **options)
    assert isinstance(done, Published)
    return done


def test_pushed_pulled_verified_and_loaded(server: HubServer, audited: Path) -> None:
    done = published(audited, REPO)
    repository = server.repositories[REPO]
    assert len(repository.commits) == 2, "one commit on top of the first"
    assert repository.tags == {"v1.0.0": done.commit}
    assert done.commit == repository.head

    sent = contents(audited) | contents(audited.parent / "evaluation" / "privacy")
    stored = repository.commits[done.commit]
    assert {n: c for n, c in stored.items() if n != ".gitattributes"} == sent

    entry = parse_registry(f"schema: 1\ncheckpoints:\n{dump_entries([done.entry])}".encode())[0]
    assert entry.name == "tiny-heads-16"
    for reference in (entry, f"hf:{REPO}@{done.commit}"):
        folder = pull(reference)
        assert contents(folder) == sent
        assert checkpoints.verify(folder).exact
        checkpoints.load(folder)


def test_a_version_is_published_once(server: HubServer, audited: Path) -> None:
    first = published(audited, REPO)
    with pytest.raises(ExistsError, match=r"has v1\.0\.0 already; .* Give a new --version"):
        published(audited, REPO)
    second = published(audited, REPO, version="1.0.1")
    assert server.repositories[REPO].tags == {"v1.0.0": first.commit, "v1.0.1": second.commit}


def test_what_an_older_version_had_is_removed(server: HubServer, audited: Path) -> None:
    published(audited, REPO)
    (audited / "samples.png").unlink()
    files = server.repositories[REPO].commits[published(audited, REPO, version="2.0.0").commit]
    assert "samples.png" not in files
    assert ".gitattributes" in files


def test_after_a_stop_before_the_tag_the_same_command_ends_it(
    server: HubServer, audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(HubHandler, "_tag", lambda self, **asked: self._json({}, 500))
        with pytest.raises(NetworkError, match="Run the same command again"):
            published(audited, REPO)
    repository = server.repositories[REPO]
    assert (len(repository.commits), repository.tags) == (2, {})
    done = published(audited, REPO)
    assert (len(repository.commits), repository.tags) == (2, {"v1.0.0": done.commit})


def test_somebody_else_commits_at_the_same_time(server: HubServer, audited: Path) -> None:
    published(audited, REPO)
    (audited / "README.md").write_text((audited / "README.md").read_text() + "\nMore.\n")
    server.before["commit"] = lambda server: server.add(REPO, {"other.txt": b"!"})
    with pytest.raises(NetworkError, match="answers 412 for maker/tiny-heads-16") as caught:
        published(audited, REPO, version="1.1.0")
    assert "\n" not in str(caught.value)
    assert list(server.repositories[REPO].tags) == ["v1.0.0"]


def test_a_private_repository_is_private(server: HubServer, audited: Path) -> None:
    done = published(audited, REPO, private=True)
    assert server.repositories[REPO].private
    with pytest.raises(AuthorisationError, match="is private"):
        pull(done.entry)
    assert pull(done.entry, token=READER).is_dir()
    published(audited, REPO, private=True, version="1.1.0")


def test_nothing_private_goes_to_a_public_repository(server: HubServer, audited: Path) -> None:
    published(audited, REPO)
    with pytest.raises(OptionError, match="is there already, and public"):
        published(audited, REPO, private=True, version="1.1.0")
    assert list(server.repositories[REPO].tags) == ["v1.0.0"]


@pytest.mark.parametrize(
    ("token", "error", "message"),
    [
        (None, AuthorisationError, "needs a token"),
        ("hf_wrong", AuthorisationError, "refuses its owner"),
        (READER, AuthorisationError, "refuses maker/tiny-heads-16"),
        ("two words", OptionError, "a single word"),
    ],
)
def test_tokens_that_will_not_do(
    server: HubServer, audited: Path, token: str | None, error: type, message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        push(audited, REPO, token=token)
    assert "\n" not in str(caught.value)
    assert token is None or token not in str(caught.value)
    assert REPO not in server.repositories


def test_the_own_token_is_not_sent_to_another_hub(
    server: HubServer, audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", GOOD)
    with pytest.raises(AuthorisationError, match='--token "\\$HF_TOKEN"'):
        push(audited, REPO)
    assert [visit for visit in server.requests if visit.token] == []


@pytest.mark.parametrize("repository", ["tiny", "a/b/c", "a/..", "a/b@c", "a/b c", "/b", "a/"])
def test_what_is_no_repository(audited: Path, repository: str) -> None:
    with pytest.raises(OptionError, match="is not a repository"):
        push(audited, repository)


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="not a checkpoint"):
        push(tmp_path, REPO)
    with pytest.raises(OptionError, match="is not a version"):
        push(tmp_path, REPO, version="1.0")


def test_a_dead_hub(audited: Path) -> None:
    with pytest.raises(NetworkError, match="cannot be reached"):
        push(audited, REPO, endpoint="http://127.0.0.1:9", token=GOOD)


def test_a_dry_run_shows_all_and_asks_nothing(
    server: HubServer, audited: Path, brainzoo: Brainzoo
) -> None:
    (audited / "notes.txt").write_text("mine")
    plan = push(audited, REPO, dry_run=True)
    assert isinstance(plan, Plan)
    assert [str(f) for f in plan.findings] == [
        "notes.txt: is not a file of a checkpoint; remove it"
    ]

    shown = brainzoo("push", audited.parent, REPO, "--dry-run", "--version", "3.2.1")
    assert shown.exit_code == 9
    first = shown.stdout.splitlines()[0]
    assert first == "maker/tiny-heads-16 v3.2.1 would be refused; nothing is sent."
    assert "model.safetensors" in shown.stdout
    assert "against: notes.txt: is not a file of a checkpoint" in shown.stdout
    as_json = brainzoo("push", audited, REPO, "--dry-run", "--json")
    assert as_json.exit_code == 9
    found = json.loads(as_json.stdout)["data"]
    assert found["plans"][0]["publishable"] is False
    assert set(found["plans"][0]["files"]) >= {"verdict.json", "LICENSE"}
    assert server.requests == []


def test_push_from_the_command_line(server: HubServer, audited: Path, brainzoo: Brainzoo) -> None:
    (audited / "notes.txt").write_text("mine")
    refused = brainzoo("push", audited, REPO, "--token", GOOD)
    assert refused.exit_code == 9
    assert refused.stderr.splitlines()[0] == "  notes.txt: is not a file of a checkpoint; remove it"
    assert refused.stderr.splitlines()[-1].startswith("brainzoo: the checkpoint is not published:")
    (audited / "notes.txt").unlink()
    done = brainzoo("push", audited, REPO, "--token", GOOD)
    assert done.exit_code == 0, done.stderr
    assert f"{server.endpoint}/{REPO}/tree/v1.0.0" in done.stderr
    assert done.stdout.startswith("- name: tiny-heads-16\n")
    again = brainzoo("push", audited, REPO, "--token", GOOD, "--json")
    assert again.exit_code == 8
    assert json.loads(again.stdout)["error"]["code"] == "exists"


def test_nothing_of_a_refused_checkpoint_leaves(server: HubServer, audited: Path) -> None:
    (audited / "README.md").write_text("---\nlicense: mit\n---\n/home/me/scans\n")
    with pytest.raises(GateError):
        push(audited, REPO, token=GOOD)
    assert server.requests == []


def test_a_token_is_in_no_message(server: HubServer) -> None:
    assert GOOD not in repr(Hub.of(token=GOOD))
