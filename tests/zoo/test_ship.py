"""A finished run ships inside its plugin's package, if the gate lets it pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import ship
from PIL import Image
from ship import refresh, source_of

from brainzoo import checkpoint as checkpoints
from brainzoo.common.errors import DiskError, ExistsError, IntegrityError, NotFoundError
from brainzoo.common.files import sha256
from brainzoo.zoo.entry import PackageSource
from brainzoo.zoo.push import GateError
from brainzoo.zoo.registry import packaged, read_registry
from brainzoo_privacy.verdict import read_verdict

from ..conftest import Install
from .conftest import contents, write_verdict

NAME = "tiny-heads-128"
HEAD = "# The checkpoints that are known.\n"


Place = tuple[str, Path, Path]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a distribution, its source tree, and a file of entries that is still empty."""
    package = tmp_path / "source" / "src" / "brainzoo_tiny"
    package.mkdir(parents=True)
    (tmp_path / "source" / "registry.yaml").write_text(f"{HEAD}schema: 1\ncheckpoints: []\n")
    return "brainzoo-tiny", package, tmp_path / "source" / "registry.yaml"


def test_what_ships_is_listed_to_the_byte_and_names_nobody(audited: Path, place: Place) -> None:
    added = ship.ship(audited, NAME, place)
    folder = place[1] / "checkpoints" / NAME
    assert place[2].read_text().startswith(f"{HEAD}schema: 1\n")
    [entry] = read_registry(place[2])
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


def test_another_takes_its_place_only_on_request(audited: Path, place: Place) -> None:
    ship.ship(audited, NAME, place)
    ship.ship(audited, "tiny-other", place)
    before = contents(place[1] / "checkpoints" / NAME)
    (audited / "metrics.json").write_text('{"evaluators": {"x": {"metrics": []}}}')
    with pytest.raises(ExistsError, match=f"{NAME} is there already"):
        ship.ship(audited, NAME, place)
    assert contents(place[1] / "checkpoints" / NAME) == before
    ship.ship(audited, NAME, place, version="1.1.0", replace=True)
    found = read_registry(place[2])
    assert [entry.address for entry in found] == [f"{NAME}@1.1.0", "tiny-other@1.0.0"]
    assert contents(place[1] / "checkpoints" / NAME) != before


def test_what_the_gate_refuses_does_not_ship(checkpoint: Path, place: Place) -> None:
    with pytest.raises(GateError, match="these weights have no verdict"):
        ship.ship(checkpoint, NAME, place)
    write_verdict(checkpoint, passed=False, reasons=("3 of 256 images are copies.",))
    with pytest.raises(GateError, match="3 of 256 images are copies"):
        ship.ship(checkpoint, NAME, place)
    assert not any(place[1].iterdir())
    assert read_registry(place[2]) == ()


def test_what_is_too_large_does_not_ship(
    audited: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ship, "MOST_BYTES", 100_000)
    with pytest.raises(DiskError, match=r"at most 0.1 MB ship"):
        ship.ship(audited, NAME, place)
    assert not any(place[1].iterdir())


def test_a_plugin_without_its_source_is_said(tiny: Path) -> None:
    with pytest.raises(
        NotFoundError, match="brainzoo-tiny is not here: it is installed as a wheel"
    ):
        source_of("tiny")


def test_our_own_plugins_are_listed_in_our_registry() -> None:
    pytest.importorskip("brainzoo_pggan")
    place = source_of("pggan")
    assert place[1].name == "brainzoo_pggan"
    assert place[2] == packaged()


def test_entries_follow_files_that_changed(audited: Path, install: Install) -> None:
    package = install("brainzoo-shelf", {}) / "brainzoo_shelf"
    package.mkdir()
    (package / "__init__.py").touch()
    place = ("brainzoo-shelf", package, package / "registry.yaml")
    ship.ship(audited, NAME, place)
    folder = package / "checkpoints" / NAME
    (folder / "LICENSE").write_text("CC BY-SA 3.0\n")
    [changed] = refresh(place[2])
    assert changed.files["LICENSE"].sha256 == sha256(folder / "LICENSE")
    assert read_registry(place[2]) == (changed,)
    assert refresh(place[2]) == []


def test_a_later_audit_takes_the_place_of_the_earlier(
    audited: Path, install: Install, tmp_path: Path
) -> None:
    package = install("brainzoo-shelf", {}) / "brainzoo_shelf"
    package.mkdir()
    (package / "__init__.py").touch()
    place = ("brainzoo-shelf", package, package / "registry.yaml")
    before = ship.ship(audited, NAME, place)
    folder = package / "checkpoints" / NAME
    old = read_verdict(folder / "verdict.json")
    new = old.model_copy(update={"passed": False, "reasons": ("The weights know people.",)})
    train = new.train.model_copy(update={"fingerprint": "ab" * 32})  # prepared by a newer version
    found = {"version": "1", "seed": 0, "metrics": [], "notes": ["Failed."], "tables": {"x": []}}
    later = tmp_path / "later"
    (later / "evaluation" / "privacy").mkdir(parents=True)
    verdict = later / "evaluation" / "privacy" / "verdict.json"
    verdict.write_bytes(new.model_copy(update={"train": train}).to_bytes())
    (later / "evaluation.json").write_text(json.dumps({"evaluators": {"privacy": found}}))
    entry = ship.audited(later, NAME, place[2])
    assert read_registry(place[2]) == (entry,)
    assert entry.files["model.safetensors"] == before.files["model.safetensors"]
    shipped = read_verdict(folder / "verdict.json")
    assert (shipped.outcome, shipped.train) == ("failed", old.train)
    measured = json.loads((folder / "metrics.json").read_text())["evaluators"]
    assert measured["privacy"]["notes"] == ["Failed."]
    assert "tables" not in measured["privacy"]
    other = train.model_copy(update={"sha256": "cd" * 32})
    verdict.write_bytes(new.model_copy(update={"train": other}).to_bytes())
    with pytest.raises(IntegrityError, match="other images"):
        ship.audited(later, NAME, place[2])
