from __future__ import annotations

import json

from ..conftest import Brainzoo
from ..zoo.conftest import Written, hasty, listed, ours

__all__ = ["hasty", "ours"]

VAE = listed(
    "vae-atlas-3d",
    plugin="vae",
    source={"package": "brainzoo-nowhere", "path": "brainzoo_nowhere/x"},
    summary="T1w volumes of 64 × 80 × 64, from 9 subjects of IXI",
)
OLD = listed(version="0.9.0", withdrawn="Showed a subject.")


def test_list_shows_a_line_each(ours: Written, brainzoo: Brainzoo) -> None:
    ours(listed(), OLD, VAE)
    lines = brainzoo("list").stdout.splitlines()
    assert len(lines) == 3
    for part in ("T1w slices of 64 × 64, from 413 subjects of IXI", "4.2", "on the Hub"):
        assert part in lines[1]
    assert "pip install brainzoo-pggan" in lines[2]
    every = brainzoo("list", "--all").stdout
    assert "0.9.0 withdrawn" in every
    found = json.loads(brainzoo("list", "--json").stdout)["data"]
    assert [e["name"] for e in found["checkpoints"]] == ["pggan-heads-64", "vae-atlas-3d"]
    assert found["checkpoints"][0]["where"] == "on the Hub"


def test_what_was_pulled_is_here(ours: Written, brainzoo: Brainzoo) -> None:
    from brainzoo.zoo.cache import place

    ours(listed())
    place("pggan-heads-64", "1.0.0", "b2" * 32).mkdir(parents=True)
    found = json.loads(brainzoo("list", "--json").stdout)["data"]
    assert found["checkpoints"][0]["where"] == "here"


def test_an_empty_zoo_says_so(ours: Written, brainzoo: Brainzoo) -> None:
    found = brainzoo("list")
    assert found.stdout == ""
    assert "brainzoo run makes one" in found.stderr
    assert json.loads(brainzoo("list", "--json").stdout)["data"]["checkpoints"] == []


def test_search_wants_all_words(ours: Written, brainzoo: Brainzoo) -> None:
    ours(listed(), VAE)
    assert "vae-atlas-3d" in brainzoo("search", "IXI", "volumes").stdout
    assert "pggan-heads" not in brainzoo("search", "IXI", "volumes").stdout
    none = brainzoo("search", "pggan", "volumes")
    assert none.stdout == ""
    assert "no checkpoint matches pggan and volumes" in none.stderr
    found = json.loads(brainzoo("search", "t1w", "--json").stdout)["data"]["checkpoints"]
    assert len(found) == 2


def test_info_of_what_is_elsewhere(ours: Written, brainzoo: Brainzoo) -> None:
    ours(listed(), OLD)
    text = brainzoo("info", "pggan-heads-64").stdout
    for part in (
        "T1w slices of 64 × 64, from 413 subjects of IXI",
        f"hf:zoo/pggan-heads-64@{'a1' * 20}",
        "b2" * 32,
        "1.0.0, 0.9.0",
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


def test_what_is_here_is_described_by_its_checkpoint(brainzoo: Brainzoo) -> None:
    line = next(x for x in brainzoo("list").stdout.splitlines() if x.startswith("pggan-ixi-64"))
    for part in ("T1w slices of 64 × 64, 3.5 mm", "81 of ixi", "passed", "in package"):
        assert part in line
    text = brainzoo("info", "pggan-ixi-64").stdout
    for part in ("parameters", "CC BY-SA 3.0", "brainzoo run pggan --data ixi", "SWD"):
        assert part in text
    found = json.loads(brainzoo("info", "pggan-ixi-64", "--json").stdout)["data"]["checkpoint"]
    assert found["checkpoint"]["shape"] == [1, 64, 64]
