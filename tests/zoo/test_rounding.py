"""Weights rounded to float16: half the size, and what becomes of all that was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brainzoo.zoo.hub.push import Plan, push

from brainzoo import checkpoint as checkpoints
from brainzoo.checkpoint import rounding
from brainzoo.checkpoint.weights_file import read_arrays, write_arrays
from brainzoo.common.errors import DataError, ExistsError
from brainzoo.common.files import sha256
from brainzoo.zoo.rounding import round_run

from ..conftest import Brainzoo
from .hub_conftest import write_verdict


@pytest.fixture(autouse=True)
def all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Round the tiny weights of tests, too."""
    monkeypatch.setattr(rounding, "SMALL", 10)


@pytest.fixture
def run(tiny: Path, brainzoo: Brainzoo, scans: Path, tmp_path: Path) -> Path:
    """Return a finished run, sampled and evaluated."""
    words = ["tiny", "--data", "folder", "--data.root", scans, "--preset", "quick"]
    words += ["--evaluate", "difference", "--difference.power", 2, "--noise", 0]
    done = brainzoo("run", *words, "--out", tmp_path / "finished")
    assert done.exit_code == 0, done.stderr
    return tmp_path / "finished"


def scale_weights(checkpoint: Path, factor: float) -> None:
    arrays = read_arrays(checkpoint / "model.safetensors")
    changed = {name: (array * factor).astype(np.float32) for name, array in arrays.items()}
    (checkpoint / "model.safetensors").write_bytes(write_arrays(changed))
    config = json.loads((checkpoint / "config.json").read_text())
    config["weights"]["sha256"] = sha256(checkpoint / "model.safetensors")
    (checkpoint / "config.json").write_text(json.dumps(config))


def test_half_the_size_the_same_samples_and_all_that_was_measured(
    run: Path, brainzoo: Brainzoo
) -> None:
    done = brainzoo("round", run, "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)["data"]
    assert found["same"] is True
    assert 0 < found["mean_difference"] <= found["largest_difference"] < 0.5 / 255
    rounded = Path(found["run"])
    assert rounded == run.with_name("finished-float16")
    [half], [full] = (
        read_arrays(folder / "checkpoint" / "model.safetensors").values()
        for folder in (rounded, run)
    )
    assert half.dtype == np.float16
    assert half.nbytes == full.nbytes / 2
    assert checkpoints.read_weights(rounded / "checkpoint")["means"].dtype == np.float32
    assert checkpoints.verify(rounded / "checkpoint").exact, "the reference is of what ships"
    metrics = [(folder / "checkpoint" / "metrics.json").read_text() for folder in (run, rounded)]
    assert metrics[0] == metrics[1]
    card = (rounded / "checkpoint" / "README.md").read_text()
    assert "rounded to float16" in card
    assert "difference" in card
    before = (rounded / "evaluation.json").read_bytes()
    assert brainzoo("run", "--resume", rounded).exit_code == 0
    assert (rounded / "evaluation.json").read_bytes() == before, "nothing is measured twice"
    assert brainzoo("round", run).exit_code == 8, "nothing is overwritten"


def test_rounding_that_shows_makes_all_be_measured_again(run: Path, brainzoo: Brainzoo) -> None:
    def coarsely(name: str, array: Any) -> Any:
        return (array.round(1)).astype(np.float16)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rounding, "_half", coarsely)
        found = round_run(run)
    assert not found.same
    assert found.mean_difference > 0.5 / 255
    assert not (found.folder / "evaluation.json").exists()
    assert not (found.folder / "samples").exists()
    assert (
        "measured with the rounded weights"
        in (found.folder / "checkpoint" / "README.md").read_text()
    )
    done = brainzoo("run", "--resume", found.folder)
    assert done.exit_code == 0, done.stderr
    evaluations = [
        json.loads((folder / "evaluation.json").read_text())["evaluators"]["difference"]
        for folder in (run, found.folder)
    ]
    assert evaluations[0]["options"] == evaluations[1]["options"] == {"power": 2}
    assert evaluations[0]["sets"]["synthetic"] != evaluations[1]["sets"]["synthetic"]


def test_a_weight_beyond_float16_is_said(run: Path) -> None:
    scale_weights(run / "checkpoint", 1e6)
    with pytest.raises(DataError, match=r"weight 'means' reaches .*; float16 ends at 65504"):
        round_run(run)
    assert not run.with_name("finished-float16").exists()


def test_small_tensors_stay_exact(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounding, "SMALL", 2**15)
    found = round_run(run)
    assert (found.same, found.largest_difference) == (True, 0)


def test_twice_is_refused(run: Path) -> None:
    once = round_run(run).folder
    with pytest.raises(ExistsError, match="are float16 already"):
        round_run(once)


def test_a_verdict_holds_for_weights_whose_samples_are_the_same(audited: Path) -> None:
    verdict = audited.parent / "evaluation" / "privacy" / "verdict.json"
    rounded = audited.parent / "rounded"
    rounding.round_weights(audited, rounded)

    def against() -> list[str]:
        plan = push(rounded, "maker/tiny", verdict=verdict, dry_run=True)
        assert isinstance(plan, Plan)
        return [str(finding) for finding in plan.findings]

    assert against() == []
    config = json.loads((rounded / "config.json").read_text())
    config["weights"]["rounded"]["mean_difference"] = 0.6 / 255
    (rounded / "config.json").write_text(json.dumps(config))
    assert against() == ["verdict.json: it is about other weights"]
    write_verdict(audited, synthetic={
        "images": 9, "fingerprint": "", "sha256": "0f" * 32,
        "checkpoint_sha256": config["weights"]["sha256"],
    })  # fmt: skip
    assert against() == []
