"""A trained tiny checkpoint, a server that holds it, and its registry entry."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_server import HubServer, hub_server

from brainzoo.common.downloads.download import Patience
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.testing.heads import make_images
from brainzoo.zoo.entry import Entry
from brainzoo.zoo.hub import fetch, store

from ...conftest import TINY

REPO = "maker/tiny-heads-16"
WEIGHTS = "model.safetensors"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the user's own token, home and proxies out, and wait for nobody."""
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(fetch, "PATIENCE", Patience(timeout_s=2, attempts=3, wait_s=0.01))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with hub_server() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a tiny checkpoint of 0.4 MB, trained once."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        site = folder / "site" / "brainzoo_tiny-0.1.0.dist-info"
        site.mkdir(parents=True)
        (site / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: brainzoo-tiny\nVersion: 0.1.0\n"
        )
        (site / "entry_points.txt").write_text("[brainzoo]\ntiny = brainzoo_tiny.plugin\n")
        for place in (TINY, site.parent):
            patch.syspath_prepend(place)
        plugins.cache_clear()
        from brainzoo_tiny.config import TinyConfig
        from brainzoo_tiny.generator import Tiny

        images = make_images(folder / "images", spatial=(128, 128)).where(split="train")
        images.info["source"] |= {"license": "CC BY-SA 3.0"}
        generator = Tiny(TinyConfig(noise=0.05))
        run = Run(folder / "run", TrainConfig(images=16))
        run.folder.mkdir()
        generator.fit(images, run)
        generator.save(run.folder / "checkpoint")
        plugins.cache_clear()
    return run.folder


@pytest.fixture
def checkpoint(tiny: Path, trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained checkpoint, whose plugin is installed."""
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run" / "checkpoint"


@pytest.fixture
def audited(checkpoint: Path) -> Path:
    """The checkpoint in a run whose privacy verdict passed."""
    write_verdict(checkpoint)
    return checkpoint


def write_verdict(checkpoint: Path, **changes: Any) -> None:
    """Write a verdict on a checkpoint's weights where a run keeps it."""
    verdict = pytest.importorskip("brainzoo_privacy.verdict")
    config = json.loads((checkpoint / "config.json").read_text())
    digest = "0f" * 32
    about = config["trained_on"]
    numbers = {"images": about["n_images"], "subjects": about["n_subjects"]}
    real = {**numbers, "fingerprint": about["fingerprint"], "sha256": digest}
    figure = {"value": 0.01, "n": 256, "low": 0.0, "high": 0.02, "floor": None}
    made = {"images": 256, "fingerprint": digest, "sha256": digest}
    content = {
        "passed": True,
        "reasons": (),
        "thresholds": {"copy_similarity": 0.7},
        "figures": {"copy rate": figure},
        "synthetic": {**made, "checkpoint_sha256": config["weights"]["sha256"]},
        "train": real,
        "test": real,
        "options": {},
        "seed": 0,
        "versions": {"numpy": "2"},
    }
    folder = checkpoint.parent / "evaluation" / "privacy"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "verdict.json").write_bytes(verdict.Verdict(**{**content, **changes}).to_bytes())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def entry(server: HubServer, checkpoint: Path) -> Entry:
    """The checkpoint on the server, among other files, as a registry lists it."""
    others = {".gitattributes": b"* lfs", "evil.py": b"raise SystemExit('run!')"}
    commit = server.add(REPO, contents(checkpoint) | others)
    return entry_for(checkpoint, {"hub": REPO, "revision": commit})


def entry_for(folder: Path, source: dict[str, str], **changes: Any) -> Entry:
    files = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        for name, content in contents(folder).items()
    }
    return Entry.model_validate(
        {
            "name": "tiny-heads-16",
            "version": "1.0.0",
            "plugin": "tiny",
            "plugin_requires": "brainzoo-tiny~=0.1.0",
            "source": source,
            "files": files,
            "license": "CC0-1.0",
            "data": {"name": "made-up heads", "license": "CC0-1.0", "n_subjects": 4},
            "modality": ["T1w"],
            "spatial_dims": 2,
            "image_shape": [1, 16, 16],
            "spacing_mm": [1.0, 1.0],
            "params": 512,
            "training": {"command": "brainzoo run tiny", "seed": 0},
            "intended_use": "Tests.",
            "limitations": "All.",
            **changes,
        }
    )


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[[Entry], None]:
    """Return a function that makes an entry known by its name."""

    def add(entry: Entry) -> None:
        monkeypatch.setattr("brainzoo.zoo.registry.find", lambda reference: entry)

    return add


def one_line(error: BaseException) -> str:
    assert "\n" not in str(error)
    return str(error)


def strays() -> list[str]:
    """What lies in the store beside complete checkpoints, locks and notes."""
    return [p.name for p in store.root().glob(".*") if not p.name.endswith((".lock", ".verified"))]
