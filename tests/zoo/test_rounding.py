"""Weights rounded to float16: half the size, and what becomes of all that was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rounding
from rounding import round_weights

from brainzoo import checkpoint as checkpoints
from brainzoo.checkpoint.weights_file import read_arrays, write_arrays
from brainzoo.common.errors import DataError
from brainzoo.common.files import sha256
from brainzoo_privacy.gate import findings
from brainzoo_privacy.verdict import read_verdict


@pytest.fixture(autouse=True)
def all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Round the tiny weights of tests, too."""
    monkeypatch.setattr(rounding, "SMALL", 10)


def test_half_the_size_the_same_samples_and_all_that_was_measured(
    audited: Path, tmp_path: Path
) -> None:
    half = tmp_path / "half"
    assert round_weights(audited, half) <= rounding.SAME
    [small], [full] = (read_arrays(f / "model.safetensors").values() for f in (half, audited))
    assert (small.dtype, small.nbytes) == (np.float16, full.nbytes / 2)
    assert checkpoints.read_weights(half)["means"].dtype == np.float32
    assert checkpoints.verify(half).exact, "the reference is of what ships"
    assert (half / "metrics.json").read_bytes() == (audited / "metrics.json").read_bytes()
    verdict = read_verdict(half / "verdict.json")
    assert verdict.synthetic.checkpoint_sha256 == sha256(half / "model.safetensors")
    assert verdict.options["rounded_from_sha256"] == sha256(audited / "model.safetensors")
    assert findings(half) == []


def test_rounding_that_shows_takes_nothing_along(
    audited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def coarsely(name: str, array: Any) -> Any:
        return array.round(1).astype(np.float16)

    monkeypatch.setattr(rounding, "_half", coarsely)
    (audited / "metrics.json").write_text('{"evaluators": {"x": {"metrics": []}}}')
    assert round_weights(audited, tmp_path / "half") > 0.5 / 255
    assert not (tmp_path / "half" / "verdict.json").exists()
    assert json.loads((tmp_path / "half" / "metrics.json").read_text()) == {"evaluators": {}}


def test_a_weight_beyond_float16_is_said(audited: Path, tmp_path: Path) -> None:
    arrays = read_arrays(audited / "model.safetensors")
    changed = {name: (array * 1e6).astype(np.float32) for name, array in arrays.items()}
    (audited / "model.safetensors").write_bytes(write_arrays(changed))
    config = json.loads((audited / "config.json").read_text())
    config["weights"]["sha256"] = sha256(audited / "model.safetensors")
    (audited / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match=r"weight 'means' reaches .*; float16 ends at 65504"):
        round_weights(audited, tmp_path / "half")
    assert not (tmp_path / "half").exists()


def test_small_tensors_stay_exact(
    audited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounding, "SMALL", 2**15)
    assert round_weights(audited, tmp_path / "half") == 0
