"""A finished run ships inside its plugin's package, if the gate lets it pass."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from brainzoo import checkpoint as checkpoints
from brainzoo.common.errors import DiskError, ExistsError, NotFoundError
from brainzoo.common.files import sha256
from brainzoo.zoo import adding
from brainzoo.zoo.adding import Place, add
from brainzoo.zoo.entry import PackageSource
from brainzoo.zoo.gate import GateError
from brainzoo.zoo.registry import packaged, read_registry

from ..conftest import Install
from .conftest import contents, write_verdict

NAME = "tiny-heads-128"
HEAD = "# The checkpoints that are known.\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a plugin's source tree, and a file of entries that is still empty."""
    package = tmp_path / "source" / "src" / "brainzoo_tiny"
    package.mkdir(parents=True)
    (tmp_path / "source" / "registry.yaml").write_text(f"{HEAD}schema: 1\ncheckpoints: []\n")
    return Place("brainzoo-tiny", package, tmp_path / "source" / "registry.yaml")


def test_what_ships_is_listed_to_the_byte_and_names_nobody(audited: Path, place: Place) -> None:
    folder, added = add(audited, NAME, place=place)
    assert folder == place.package / "checkpoints" / NAME
    assert place.registry.read_text().startswith(f"{HEAD}schema: 1\n")
    [entry] = read_registry(place.registry)
    assert entry == added
    assert entry.source == PackageSource(
        package="brainzoo-tiny", path=f"brainzoo_tiny/checkpoints/{NAME}"
    )
    assert {path.name for path in folder.iterdir()} == set(entry.files)
    for name, record in entry.files.items():
        assert (sha256(folder / name), (folder / name).stat().st_size) == (
            record.sha256,
            record.size,
        )
    assert checkpoints.verify(folder).exact
    assert json.loads((folder / "verdict.json").read_text())["passed"] is True
    with Image.open(folder / "samples.png") as picture:
        assert picture.size == (1038, 1038)  # 64 samples of 128 pixels, in eight rows


def test_once_more_does_nothing(audited: Path, place: Place) -> None:
    add(audited, NAME, place=place)
    before = place.registry.read_bytes()
    times = [path.stat().st_mtime_ns for path in sorted(place.package.rglob("*"))]
    add(audited, NAME, place=place)
    assert place.registry.read_bytes() == before
    assert [path.stat().st_mtime_ns for path in sorted(place.package.rglob("*"))] == times


def test_another_takes_its_place_only_on_request(audited: Path, place: Place) -> None:
    add(audited, NAME, place=place)
    add(audited, "tiny-other", place=place)
    before = contents(place.package / "checkpoints" / NAME)
    (audited / "metrics.json").write_text('{"evaluators": {"x": {"metrics": []}}}')
    with pytest.raises(ExistsError, match=f"{NAME} is listed already"):
        add(audited, NAME, place=place)
    assert contents(place.package / "checkpoints" / NAME) == before
    add(audited, NAME, version="1.1.0", replace=True, place=place)
    found = read_registry(place.registry)
    assert [entry.address for entry in found] == [f"{NAME}@1.1.0", "tiny-other@1.0.0"]
    assert contents(place.package / "checkpoints" / NAME) != before


def test_what_the_gate_refuses_does_not_ship(checkpoint: Path, place: Place) -> None:
    with pytest.raises(GateError, match="there is no verdict on these weights"):
        add(checkpoint, NAME, place=place)
    write_verdict(checkpoint, passed=False, reasons=("3 of 256 images are copies.",))
    with pytest.raises(GateError, match="3 of 256 images are copies"):
        add(checkpoint, NAME, place=place)
    assert not any(place.package.iterdir())
    assert read_registry(place.registry) == ()


def test_what_is_too_large_does_not_ship(
    audited: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adding, "MOST_BYTES", 100_000)
    with pytest.raises(DiskError, match=r"at most 0.1 MB of each"):
        add(audited, NAME, place=place)
    assert not any(place.package.iterdir())


@pytest.mark.parametrize("lost", [".", "config.json"])
def test_files_that_got_lost_are_made_good(audited: Path, place: Place, lost: str) -> None:
    folder = add(audited, NAME, place=place)[0] / lost
    shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    add(audited, NAME, place=place)
    assert checkpoints.verify(place.package / "checkpoints" / NAME).exact


def test_a_plugin_without_its_source_is_said(tiny: Path) -> None:
    with pytest.raises(
        NotFoundError, match="brainzoo-tiny is not here: it is installed as a wheel"
    ):
        Place.of("tiny")


def test_our_own_plugins_are_listed_in_our_registry() -> None:
    pytest.importorskip("brainzoo_pggan")
    place = Place.of("pggan")
    assert place.package.name == "brainzoo_pggan"
    assert place.registry == packaged()


def test_entries_follow_files_that_changed(audited: Path, install: Install) -> None:
    package = install("brainzoo-shelf", {}) / "brainzoo_shelf"
    package.mkdir()
    (package / "__init__.py").touch()
    place = Place("brainzoo-shelf", package, package / "registry.yaml")
    folder, _ = add(audited, NAME, place=place)
    (folder / "LICENSE").write_text("CC BY-SA 3.0\n")
    [changed] = adding.refresh(place.registry)
    assert changed.files["LICENSE"].sha256 == sha256(folder / "LICENSE")
    assert read_registry(place.registry) == (changed,)
    assert adding.refresh(place.registry) == []
