"""By name: licence first, then fetched from a server, verified, converted once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hostile_server as hostile
import pytest
import yaml
from click.testing import CliRunner, Result
from hostile_server import HostileServer, hostile_server
from hub_server import HubServer, hub_server

import brainzoo_monai
from brainzoo.api import IntegrityError, load
from brainzoo.cli import main
from brainzoo.zoo.registry import read_registry
from brainzoo_monai.fetching import fetched

from .bundles import zoo_bundle

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:monai")

NAME = "monai-tiny"
REPOSITORY = "owners/tiny"
REGISTRY = Path(brainzoo_monai.__file__).parent / "registry.yaml"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with hub_server() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def web() -> Iterator[HostileServer]:
    with hostile_server() as server:
        yield server


@pytest.fixture
def entry(
    hub: HubServer, web: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """An entry of a tiny bundle: configurations on the web, weights on the Hub."""
    root = zoo_bundle(tmp_path / "owners", size=(32, 32, 32))
    files = {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    hub.add(REPOSITORY, {name: files[name] for name in files if name.startswith("models/")})
    originals: list[dict[str, Any]] = []
    for name, content in files.items():
        if name.startswith("configs/"):
            web.files[name] = content
            digest = hashlib.sha256(content).hexdigest()
            originals.append({"path": name, "url": f"{web.address}{name}", "sha256": digest})
        else:
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            originals.append({"path": name, "hub": REPOSITORY, "md5": digest})
    found = yaml.safe_load(REGISTRY.read_text())["checkpoints"][0]
    found |= {"name": NAME, "source": found["source"] | {"megabytes": 1, "originals": originals}}
    publish(found, tmp_path, monkeypatch)
    return dict(found)


def publish(entry: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the plugin list this entry."""
    path = folder / "registry.yaml"
    path.write_text(yaml.safe_dump({"schema": 1, "checkpoints": [entry]}))
    monkeypatch.setattr("brainzoo.zoo.registry.packaged", lambda: path)


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


SAMPLE = ("sample", NAME, "-n", "1", "--steps", "1", "--workers", "1")


def test_the_licence_is_shown_and_must_be_accepted(entry: dict[str, Any], hub: HubServer) -> None:
    result = run(*SAMPLE, "--out", "never")
    assert result.exit_code == 4
    for text in ("Pinaya", "Apache-2.0", "https://", "--accept-licence"):
        assert text in result.stderr
    assert not [visit for visit in hub.requests if "models" in visit.path]


def test_fetched_converted_once_and_sampled(
    entry: dict[str, Any], hub: HubServer, web: HostileServer, tmp_path: Path
) -> None:
    first = run(*SAMPLE, "--accept-licence", "--out", str(tmp_path / "first"))
    assert first.exit_code == 0, first.stderr
    assert "Licence, accepted: Apache-2.0" in first.stderr
    folder = load(NAME).folder
    config = json.loads((folder / "config.json").read_text())
    commit = hub.repositories[REPOSITORY].head
    addresses = [origin["address"] for origin in config["bundle"]["origin"]]
    assert f"hf:{REPOSITORY}@{commit}/models/model.pt" in addresses  # which commit it was
    assert config["trained_on"]["n_subjects"] == 31740
    assert not list(folder.parent.glob(".*originals"))
    hub.requests.clear()
    web.requests.clear()
    again = run(*SAMPLE, "--out", str(tmp_path / "again"))  # accepted once, here now
    assert again.exit_code == 0
    assert not hub.requests
    assert not web.requests
    made = [(tmp_path / name / "pixels.npy").read_bytes() for name in ("first", "again")]
    assert made[0] == made[1]


def test_it_is_listed_by_others_with_people_licence_size_and_memory(entry: dict[str, Any]) -> None:
    text = run("list").stdout
    for word in ("by others", NAME, "Pinaya", "Apache-2.0", "GB of memory"):
        assert word in text
    text = run("info", NAME).stdout
    said = ("UK Biobank, 31,740 subjects", "arXiv 2209.07162", "1.0 MB", "GB an image")
    for word in (*said, "--accept-licence"):
        assert word in text


def test_a_broken_line_is_continued(
    entry: dict[str, Any], web: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainzoo.common.downloads.download.time.sleep", lambda seconds: None)
    web.faults["configs/inference.json"] = [hostile.drop(500)]
    assert run("pull", NAME, "--accept-licence").exit_code == 0
    asked = [visit.range for visit in web.requests if "inference" in visit.path]
    assert asked == [None, "bytes=500-"]


@pytest.mark.parametrize("place", ["web", "hub"])
def test_other_bytes_are_refused_and_deleted(
    entry: dict[str, Any], web: HostileServer, hub: HubServer, place: str, tmp_path: Path
) -> None:
    if place == "web":
        web.files["configs/inference.json"] += b" "
    else:
        files = dict(hub.repositories[REPOSITORY].commits[hub.repositories[REPOSITORY].head])
        hub.add(REPOSITORY, {**files, "models/model.pt": files["models/model.pt"] + b" "})
    result = run("pull", NAME, "--accept-licence")
    assert result.exit_code == 6, result.stderr
    kept = [
        p.name for p in (tmp_path / "home").rglob("*") if p.name in ("inference.json", "model.pt")
    ]
    assert place == "hub" or "inference.json" not in kept
    assert place == "web" or "model.pt" not in kept


def test_offline_and_moved_files_are_one_line(
    entry: dict[str, Any], hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(REPOSITORY, {"models/autoencoder.pt": b""})
    result = run("pull", NAME, "--accept-licence")
    assert result.exit_code in (3, 6)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run("pull", NAME, "--accept-licence").exit_code == 5


def test_non_commercial_licences_are_named(
    entry: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = entry["source"] | {"commercial": False}
    publish({**entry, "source": source}, tmp_path, monkeypatch)
    assert "NON-COMMERCIAL USE ONLY" in run("pull", NAME).stderr
    assert "(non-commercial)" in run("list").stdout


def test_what_is_published_is_pinned_as_far_as_its_owners_let() -> None:
    for entry in read_registry(REGISTRY):
        for original in entry.source.originals:
            if "url" in original:
                assert original["sha256"]
                assert any(len(part) == 40 for part in original["url"].split("/"))  # a commit


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"path": "a"}, "needs either hub or url"),
        ({"path": "a", "hub": "o/r", "url": "https://x"}, "needs either hub or url"),
        ({"path": "a", "url": "https://x"}, "needs its sha256"),
        ({"path": "../a", "hub": "o/r"}, "path"),
        ({"path": "a", "hub": "o/r", "revision": "main"}, "revision"),
    ],
)
def test_a_file_of_others_is_named_exactly(values: Any, said: str) -> None:
    with pytest.raises(IntegrityError, match=said):
        fetched(values, Path(), None)
