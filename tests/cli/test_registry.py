from __future__ import annotations

import json
from pathlib import Path

import pytest

from brainzoo.zoo.registry import merge

from ..conftest import Brainzoo
from ..zoo.registry.conftest import Written, content, entry, ours, own_home

__all__ = ["ours", "own_home"]

VAE = entry(
    "vae-atlas-3d",
    plugin="vae",
    source={"package": "brainzoo-nowhere", "path": "brainzoo_nowhere/x"},
    spatial_dims=3,
    image_shape=[1, 64, 80, 64],
    spacing_mm=[2, 2, 2.5],
    metrics=None,
)
OLD = entry(version="0.9.0", status="withdrawn", reason="Showed a subject.")


def test_list_shows_a_line_each(ours: Written, brainzoo: Brainzoo) -> None:
    ours(entry(), OLD, VAE)
    lines = brainzoo("list").stdout.splitlines()
    assert len(lines) == 3
    for part in ("T1w slices (pggan)", "64 × 64", "3.5 mm", "CC-BY-SA-3.0", "on the Hub"):
        assert part in lines[1]
    assert "FID 31.24 (28 to 35.5); copies 0" in lines[1]
    assert "2 × 2 × 2.5 mm" in lines[2]
    assert "pip install brainzoo-nowhere" in lines[2]
    every = brainzoo("list", "--all").stdout
    assert "0.9.0 withdrawn" in every
    found = json.loads(brainzoo("list", "--json").stdout)["data"]
    assert [e["name"] for e in found["checkpoints"]] == ["pggan-heads-64", "vae-atlas-3d"]
    assert found["checkpoints"][0]["where"] == "on the Hub"


def test_what_was_pulled_is_here(ours: Written, brainzoo: Brainzoo, own_home: Path) -> None:
    from brainzoo.zoo.hub import store

    ours(entry())
    store.place("pggan-heads-64", "1.0.0", "b2" * 32).mkdir(parents=True)
    found = json.loads(brainzoo("list", "--json").stdout)["data"]
    assert found["checkpoints"][0]["where"] == "here"


def test_an_empty_zoo_says_so(ours: Written, brainzoo: Brainzoo) -> None:
    found = brainzoo("list")
    assert found.stdout == ""
    assert "no checkpoints are known yet" in found.stderr
    assert json.loads(brainzoo("list", "--json").stdout)["data"]["checkpoints"] == []


def test_search_wants_all_words(ours: Written, brainzoo: Brainzoo) -> None:
    ours(entry(), VAE)
    assert "vae-atlas-3d" in brainzoo("search", "IXI", "3D").stdout
    assert "pggan" not in brainzoo("search", "IXI", "3D").stdout.replace("brainzoo-pggan", "")
    none = brainzoo("search", "pggan", "volumes")
    assert none.stdout == ""
    assert "no checkpoint has pggan and volumes" in none.stderr
    found = json.loads(brainzoo("search", "t1w", "--json").stdout)["data"]["checkpoints"]
    assert len(found) == 2


def test_info_shows_everything_and_three_lines_of_use(ours: Written, brainzoo: Brainzoo) -> None:
    ours(entry(), OLD)
    text = brainzoo("info", "pggan-heads-64").stdout
    for part in (
        "T1w slices of 64 × 64, 3.5 mm",
        "pggan, 1,050,000 parameters",
        "brainzoo-pggan~=0.1.0",
        "IXI 2010, 413 subjects, CC-BY-SA-3.0, https://brain-development.org/ixi-dataset/",
        f"hf:zoo/pggan-heads-64@{'a1' * 20}",
        "b2" * 32,
        "brainzoo run pggan --data ixi --preset quick",
        "seed 0, 2 cores, commit 4c5dbde",
        "Not for diagnosis.",
        "1.0.0, 0.9.0",
        "metrics: InceptionV3",
        'generator = brainzoo.load("pggan-heads-64")',
    ):
        assert part in text
    assert "withdrawn  " in brainzoo("info", "pggan-heads-64@0.9.0").stdout
    found = json.loads(brainzoo("info", "pggan-heads-64", "--json").stdout)["data"]
    assert found["checkpoint"]["files"]["config.json"]["size"] == 3000
    assert found["use"][0] == "import brainzoo"
    missing = brainzoo("info", "pggan-head-64")
    assert missing.exit_code == 3
    assert "Did you mean 'pggan-heads-64'?" in missing.stderr
    assert brainzoo("info", "./here").exit_code == 3


def test_a_broken_fetched_registry_is_a_warning(ours: Written, brainzoo: Brainzoo) -> None:
    ours(entry())
    merge.fetched().parent.mkdir()
    merge.fetched().write_bytes(b"[")
    for words in (("list",), ("search", "pggan"), ("info", "pggan-heads-64")):
        found = brainzoo(*words)
        assert "pggan-heads-64" in found.stdout
        assert found.stderr.startswith("warning: ")
        assert len(found.stderr.splitlines()) == 1


def test_check_and_schema(brainzoo: Brainzoo) -> None:
    Path("good.yaml").write_bytes(content(entry()))
    Path("bad.yaml").write_bytes(content(entry(params="many")))
    assert "sound: serial 2, 1 checkpoints" in brainzoo("registry", "check", "good.yaml").stdout
    bad = brainzoo("registry", "check", "bad.yaml")
    assert bad.exit_code == 6
    assert "bad.yaml: entry pggan-heads-64@1.0.0: params:" in bad.stderr
    schema = json.loads(brainzoo("registry", "schema").stdout)
    assert schema["properties"]["checkpoints"]["items"] == {"$ref": "#/$defs/Entry"}
    assert "update" in brainzoo("registry").stdout


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Let the Hub hold a newer registry; the list is what was asked for."""
    from brainzoo.zoo import hub

    served: list[bytes] = [content(entry(), VAE, serial=3)]
    monkeypatch.setattr(hub, "registry_bytes", lambda repository: served[0], raising=False)
    return served


def test_update_shows_and_asks(
    ours: Written, brainzoo: Brainzoo, hub: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours(entry())
    asked = brainzoo("registry", "update", "zoo/registry")
    assert asked.exit_code == 2
    assert "+ vae-atlas-3d@1.0.0" in asked.stderr
    assert "Add --yes." in asked.stderr
    assert not merge.fetched().exists()
    answers = iter([False, True])
    monkeypatch.setattr("click.confirm", lambda *_, **__: next(answers))
    monkeypatch.setattr("brainzoo.cli.registry.asks", lambda: True)
    assert "nothing is changed" in brainzoo("registry", "update", "zoo/registry").stderr
    assert not merge.fetched().exists()
    assert "updated to serial 3." in brainzoo("registry", "update", "zoo/registry").stdout
    assert "vae-atlas-3d" in brainzoo("list").stdout
    again = brainzoo("registry", "update", "zoo/registry")
    assert again.stdout == "up to date: serial 3.\n"


def test_update_with_yes_asks_nobody(ours: Written, brainzoo: Brainzoo, hub: list[bytes]) -> None:
    ours(entry())
    done = brainzoo("registry", "update", "zoo/registry", "--yes", "--json")
    assert json.loads(done.stdout)["data"]["serial"] == 3
    hub[0] = content(entry(params=7), VAE, serial=4)
    refused = brainzoo("registry", "update", "zoo/registry", "--yes")
    assert refused.exit_code == 6
    assert "changes what was published: params of pggan-heads-64@1.0.0" in refused.stderr
    assert json.loads(brainzoo("list", "--json").stdout)["data"]["serial"] == 3
