"""A run folder with everything in it, made from nothing, and a browser to look at its report."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from browser import chromium

from brainzoo.common.files import write_bytes
from brainzoo.data.images import Images
from brainzoo.data.pictures import grid
from brainzoo.testing.heads import make_images

COMMAND = "brainzoo run dcgan --data ixi --preset quick --seed 1"
FRAMES = 8
SOURCE = {
    "name": "ixi",
    "license": "CC BY-SA 3.0",
    "citation": "IXI dataset, Imperial College London",
    "url": "https://brain-development.org/ixi-dataset/",
    "simulated": False,
}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a run in ``runs/dcgan-ixi-001`` and its prepared data in ``home``."""
    root = tmp_path_factory.mktemp("made")
    run = root / "runs" / "dcgan-ixi-001"
    prepared = _prepared(root / "home" / "prepared" / "ixi-0123456789abcdef")
    samples = _samples(run / "samples")
    _write_film(run / "progress", prepared, samples)
    _write_stats(run / "stats.jsonl")
    _write_evaluation(run, samples)
    (run / "export" / "png").mkdir(parents=True)
    (run / "run.yaml").write_text(yaml.safe_dump(_record(prepared.fingerprint), sort_keys=False))
    return root


@pytest.fixture
def make_run(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that makes a whole run folder, with other settings where given."""
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))

    def run(**settings: Any) -> Path:
        shutil.copytree(made, tmp_path, dirs_exist_ok=True)
        path = tmp_path / "runs" / "dcgan-ixi-001" / "run.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | settings))
        return path.parent

    return run


@pytest.fixture(scope="module")  # two open at once in one process are refused
def browser() -> Iterator[Any]:
    """Yield a headless Chromium."""
    with chromium() as found:
        yield found


def _prepared(folder: Path) -> Images:
    made = make_images(folder.parent / "made", subjects=40, per_subject=4)
    made.info |= {"source": SOURCE, "class_expressions": {"young": "age < 35", "old": "age > 60"}}
    made.info["failed"] = [
        {"subject": "IXI500", "scan": "", "reason": "IXI500.nii.gz is truncated"}
    ]
    images = made.save(folder)
    shutil.rmtree(folder.parent / "made")
    return images


def _samples(folder: Path) -> Images:
    made = make_images(folder.parent / "made", subjects=70, per_subject=1, seed=5, synthetic=True)
    made.info["source"] = SOURCE
    images = made.save(folder)
    shutil.rmtree(folder.parent / "made")
    return images


def _write_film(folder: Path, prepared: Images, made: Images) -> None:
    rng = np.random.default_rng(0)
    last = made[:64].floats()
    noise = rng.random(last.shape, dtype=np.float32)
    for i in range(FRAMES):
        share = (i / (FRAMES - 1)) ** 0.5
        shown = grid(share * last + (1 - share) * noise)
        write_bytes(folder / f"{i * 6400:09d}.png", shown)
    write_bytes(folder / "real.png", grid(prepared[:64].floats()))


def _write_stats(path: Path) -> None:
    rng = np.random.default_rng(1)
    with path.open("w") as file:
        for step in range(1, 201):
            noise = rng.normal(0, 0.02, 4)
            now = 0.4 + 0.55 * math.exp(-step / 30)
            line = {
                "step": step * 10,
                "images": step * 224,
                "seconds": step * 2.4,
                "images_per_second": 93.0 + 50 * noise[0],
                "losses": {"discriminator": 1.2 - now + 4 * noise[1], "generator": 1 + 2 * now},
                "d_real": min(1.0, max(0.0, 0.5 + now / 2 + noise[2])),
                "d_fake": min(1.0, max(0.0, 0.5 - now / 2 + noise[3])),
                "memory_mb": 812,
            }
            file.write(json.dumps(line) + "\n")


def _write_evaluation(folder: Path, made: Images) -> None:
    figure = {"name": "SWD 32", "value": 12.31, "n": 64, "low": 11.8, "high": 12.9, "floor": 8.2}
    place = "evaluation/metrics/nearest_neighbours.png"
    write_bytes(folder / place, grid(made[:8].floats(), columns=4))
    found = {
        "version": "0.1.0",
        "options": {},
        "metrics": [{**figure, "detail": "mean over levels, × 1000"}, {**figure, "name": "FID"}],
        "tables": {"by class": [{"class": "young", "SWD": 11.2}, {"class": "old", "SWD": 13.5}]},
        "pictures": [place],
    }
    text = json.dumps({"schema": 1, "seed": 1, "evaluators": {"metrics": found}})
    (folder / "evaluation.json").write_text(text)


def _record(fingerprint: str) -> dict[str, Any]:
    return {
        "schema": 1,
        "generator": {
            "name": "dcgan",
            "options": {"maps": [256, 128, 64, 32]},
            "distribution": "brainzoo-dcgan",
            "version": "0.1.0",
        },
        "data": {
            "name": "ixi",
            "options": {"root": "../shared/data/ixi-t1-2mm"},
            "prepare": {"plane": "axial", "slices_fraction": [0.45, 0.6]},
            "classes": {"young": "age < 35", "old": "age > 60"},
            "fingerprint": fingerprint,
        },
        "size": 32,
        "train": {"images": 45000, "batch_size": 16, "seed": 1},
        "preset": "quick",
        "samples": 70,
        "versions": {"python": "3.11.2", "brainzoo-core": "0.1.0", "torch": "2.13.0"},
        "hardware": {"cpu": "a processor", "cores": 2, "memory_gb": 8.2, "gpus": []},
        "command": COMMAND,
        "started": "2026-11-20T13:47:30+00:00",
        "seconds": {"prepare": 8.1, "train": 480.2, "sample": 1.4, "export": 0.8},
    }
