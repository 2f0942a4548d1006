"""The checkpoints that ship: their files are those of the registry, and documents tell of them."""

from __future__ import annotations

import filecmp
import json
from pathlib import Path

import pytest
import zoo_page
from ship import MOST_BYTES

from brainzoo.checkpoint.names import METRICS, SAMPLES, VERDICT
from brainzoo.common.files import sha256
from brainzoo.zoo.entry import Entry
from brainzoo_privacy.gate import findings
from brainzoo_privacy.verdict import read_verdict

from ..conftest import Brainzoo

SHIPPED = zoo_page.shipped()
each = pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)


def test_some_ship() -> None:
    assert SHIPPED


@each
def test_files_are_those_of_the_registry(entry: Entry) -> None:
    folder = zoo_page.folder_of(entry)
    assert {path.name for path in folder.iterdir()} == set(entry.files)
    for name, record in entry.files.items():
        assert (folder / name).stat().st_size == record.size, name
        assert sha256(folder / name) == record.sha256, name
    assert entry.size <= MOST_BYTES


@each
def test_nothing_speaks_against_publishing_it(entry: Entry) -> None:
    folder = zoo_page.folder_of(entry)
    assert findings(folder) == []
    assert read_verdict(folder / VERDICT).outcome == "passed"
    assert zoo_page.config_of(entry)["training"], "the command that made it is known"
    metrics = json.loads((folder / METRICS).read_text())["evaluators"]
    assert {"metrics", "privacy"} <= metrics.keys()


@each
def test_it_makes_the_samples_of_its_maker_without_a_network(
    entry: Entry, brainzoo: Brainzoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    done = brainzoo("verify", entry.name)
    assert done.exit_code == 0, done.stderr
    assert "verified" in done.stdout


def test_what_is_not_installed_is_named(
    brainzoo: Brainzoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.metadata

    entry, found = SHIPPED[0], importlib.metadata.distribution
    package = entry.source.model_dump()["package"]

    def without(name: str) -> importlib.metadata.Distribution:
        if name == package:
            raise importlib.metadata.PackageNotFoundError(name)
        return found(name)

    monkeypatch.setattr(importlib.metadata, "distribution", without)
    assert f"pip install {package}" in brainzoo("list").stdout
    done = brainzoo("sample", entry.name, "-n", 1)
    assert done.exit_code == 3
    assert f"Install it with: pip install {package}" in done.stderr


@pytest.mark.parametrize("path", zoo_page.documents(), ids=lambda path: path.name)
def test_the_documents_say_what_the_checkpoints_say(path: Path) -> None:
    wanted = zoo_page.documents()[path]
    found = path.read_text(encoding="utf-8") if path.is_file() else ""
    assert found == wanted, "run: python tests/zoo_page.py"


@each
def test_the_documents_show_its_samples(entry: Entry) -> None:
    shown, own = zoo_page.picture_of(entry), zoo_page.folder_of(entry) / SAMPLES
    assert shown.is_file(), "run: python tests/zoo_page.py"
    assert filecmp.cmp(shown, own, shallow=False), "run: python tests/zoo_page.py"
