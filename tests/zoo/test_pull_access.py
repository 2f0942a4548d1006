"""Who may pull what: tokens, closed repositories, and Hubs that are none."""

from __future__ import annotations

import pytest
from hub_server import GOOD, READER, STRANGER, HubServer

from brainzoo.common.errors import AuthorisationError, NotFoundError, OptionError
from brainzoo.zoo.entry import Entry
from brainzoo.zoo.hub import OFFICIAL, Hub
from brainzoo.zoo.pull import pull

from .conftest import REPO, one_line


@pytest.mark.parametrize(
    ("access", "token", "hint"),
    [
        ("private", None, "give --token"),
        ("private", "hf_wrong", "Ask for access"),
        ("gated", None, "give --token"),
        ("gated", STRANGER, "Ask for access"),
    ],
)
def test_what_may_not_be_had(
    server: HubServer, entry: Entry, access: str, token: str | None, hint: str
) -> None:
    setattr(server.repositories[REPO], access, True)
    with pytest.raises(AuthorisationError, match=f"refuses .*{REPO}.*{hint}") as caught:
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
    assert repository in one_line(caught.value)
    assert commit in one_line(caught.value)


def test_a_token_goes_to_the_hub_that_it_is_for(
    server: HubServer, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", GOOD)
    server.repositories[REPO].gated = True
    with pytest.raises(AuthorisationError, match='--token "\\$HF_TOKEN"'):
        pull(entry)
    assert not [visit for visit in server.requests if visit.token], "HF_TOKEN is the official Hub's"
    monkeypatch.delenv("HF_ENDPOINT")
    assert Hub.of().token == GOOD
    assert Hub.of(endpoint=f"{OFFICIAL}/").token == GOOD
    assert Hub.of(endpoint="https://huggingface.co.evil.org").token == ""


def test_a_token_is_not_sent_on_to_where_the_files_lie(server: HubServer, entry: Entry) -> None:
    pull(entry, token=READER)
    by_host = {(visit.host.partition(":")[0], visit.token) for visit in server.requests}
    assert by_host == {("127.0.0.1", READER), ("localhost", None)}


@pytest.mark.parametrize("address", ["huggingface.co", "ftp://a", "http://", "http://u:p@h", "x y"])
def test_an_endpoint_that_is_none(entry: Entry, address: str) -> None:
    with pytest.raises(OptionError, match="is not the address of a Hub") as caught:
        pull(entry, endpoint=address)
    assert "u:p" not in str(caught.value), "no password on screens and in logs"
