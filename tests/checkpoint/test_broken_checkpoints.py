"""Broken checkpoints: one clear line, exit 6 or 7, within a second and 200 MB, nothing executed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from broken_checkpoints import CASES, MARKER, change

from brainzoo.testing.heads import make_images

from ..conftest import TINY

pytest.importorskip("brainzoo_dcgan")
HERE = Path(__file__).parent
PLANTED = (
    "import os, pathlib\n"
    "pathlib.Path(os.environ['BRAINZOO_TEST_MARKER']).write_text('executed')\n"
    "class Model: pass\n"
    "def load(*args, **kwargs): pass\n"
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the checkpoint of a small network."""
    from brainzoo.plugin.run import Run, TrainConfig
    from brainzoo_dcgan.config import DCGANConfig
    from brainzoo_dcgan.generator import DCGAN

    folder = tmp_path_factory.mktemp("good")
    images = make_images(folder / "images", spatial=(32, 32)).where(split="train")
    generator = DCGAN(DCGANConfig(base_channels=8, latent=4))
    run = Run(folder / "run", TrainConfig(images=2, batch_size=2, device="cpu"))
    run.folder.mkdir()
    generator.fit(images, run)
    generator.save(folder / "checkpoint")
    return folder / "checkpoint"


@pytest.fixture(scope="module")
def found(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Return what came of each case, all in one process."""
    folder = tmp_path_factory.mktemp("broken")
    planted = folder / "planted"
    planted.mkdir()
    (planted / "planted.py").write_text(PLANTED)
    (planted / "planted_model.py").write_text(PLANTED)
    names = [f"{number:03d}" for number in range(len(CASES))]
    for name, (_, damage, _) in zip(names, CASES, strict=True):
        shutil.copytree(good, folder / name)
        damage(folder / name)
    for name, damage in (("code", _with_code), ("paths", _with_paths)):
        shutil.copytree(good, folder / name)
        damage(folder / name)
    marker = folder / "marker"
    words = [sys.executable, str(HERE.parent / "broken_runner.py"), str(folder), str(good)]
    done = subprocess.run(
        [*words, *names, "code", "paths"],
        cwd=planted,
        env={**os.environ, MARKER: str(marker), "PYTHONPATH": f"{TINY}:{planted}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    yield {line.get("name", "all"): line for line in lines} | {"marker": marker}
    shutil.rmtree(folder)


def _with_code(folder: Path) -> None:
    """Plant a module and a pickle beside the weights."""
    (folder / "planted.py").write_text(PLANTED)
    (folder / "__init__.py").write_text(PLANTED)
    (folder / "model.pkl").write_bytes(b"cplanted\nload\n(tR.")


def _with_paths(folder: Path) -> None:
    """Name import paths wherever others' libraries would follow them."""
    for key, value in {
        "auto_map": {"AutoModel": "planted_model.Model"},
        "_target_": "planted.load",
        "architectures": ["planted.Model"],
        "trust_remote_code": True,
        "custom_pipeline": "planted",
    }.items():
        change(folder, key, value)
        change(folder, f"preprocessing.{key}", value)
        change(folder, f"trained_on.dataset.{key}", value)


@pytest.mark.parametrize(
    ("number", "said"),
    [(number, said) for number, (_, _, said) in enumerate(CASES)],
    ids=[title for title, _, _ in CASES],
)
def test_each_is_one_clear_line_in_time(found: dict[str, Any], number: int, said: str) -> None:
    case = found[f"{number:03d}"]
    assert case.get("code") in (6, 7), case
    assert re.search(said, case["said"]), case["said"]
    assert case["said"].isprintable(), "one line, and nothing that steers a terminal"
    assert len(case["said"]) < 700
    assert "MemoryError" not in case["said"]
    assert case["seconds"] < 1


def test_together_they_take_little_memory(found: dict[str, Any]) -> None:
    assert found["all"]["grown"] < 200 * 2**20


def test_a_checkpoint_with_code_is_refused_and_the_code_not_run(found: dict[str, Any]) -> None:
    assert found["code"]["code"] == 6
    assert "__init__.py is not a file of a checkpoint" in found["code"]["said"]
    assert not found["marker"].exists()


def test_import_paths_in_a_configuration_mean_nothing(found: dict[str, Any]) -> None:
    assert found["paths"]["passed"], "they are text like any other"
    assert found["all"]["loaded"] == []
    assert found["all"]["suspicious"] == []
    assert not found["marker"].exists()


def test_planted_code_would_be_noticed(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(PLANTED)
    marker = tmp_path / "marker"
    environment = {**os.environ, MARKER: str(marker)}
    subprocess.run(
        [sys.executable, "-c", "import planted"], cwd=tmp_path, env=environment, check=True
    )
    assert marker.exists()
