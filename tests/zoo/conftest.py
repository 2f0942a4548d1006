"""A trained tiny checkpoint, a server that holds it, and its registry entry."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hub_server import HubServer, hub_server

from brainzoo.plugin.manager import plugins
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.testing.heads import make_images
from brainzoo.zoo import cache, hub, registry
from brainzoo.zoo.entry import Entry, HubSource, PackageSource, entry_of
from brainzoo_privacy.verdict import Verdict

from ..conftest import TINY

Written = Callable[..., Path]

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
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # not spoken here
    monkeypatch.setattr(hub, "ANSWER_WITHIN_S", 2.0)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)


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
    config = json.loads((checkpoint / "config.json").read_text())
    digest = "0f" * 32
    about = config["trained_on"]
    numbers = {"images": about["n_images"], "subjects": about["n_subjects"]}
    real = {**numbers, "fingerprint": about["fingerprint"], "sha256": digest}
    metric = {"value": 0.01, "n": 256, "low": 0.0, "high": 0.02, "floor": None}
    made = {"images": 256, "fingerprint": digest, "sha256": digest}
    content = {
        "passed": True,
        "reasons": (),
        "thresholds": {"copy_similarity": 0.7},
        "metrics": {"copy rate": metric},
        "synthetic": {**made, "checkpoint_sha256": config["weights"]["sha256"]},
        "train": real,
        "test": real,
        "options": {},
        "seed": 0,
        "versions": {"numpy": "2"},
    }
    folder = checkpoint.parent / "evaluation" / "privacy"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "verdict.json").write_bytes(Verdict.model_validate({**content, **changes}).to_bytes())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def entry(server: HubServer, checkpoint: Path) -> Entry:
    """The checkpoint on the server, among other files, as a registry lists it."""
    others = {".gitattributes": b"* lfs", "evil.py": b"raise SystemExit('run!')"}
    commit = server.add(REPO, contents(checkpoint) | others)
    return entry_for(checkpoint, {"hub": REPO, "revision": commit})


def entry_for(folder: Path, source: dict[str, str], name: str = "tiny-heads-16") -> Entry:
    found = HubSource(**source) if "hub" in source else PackageSource(**source)
    return entry_of(folder, name=name, version="1.0.0", source=found)


def one_line(error: BaseException) -> str:
    assert "\n" not in str(error)
    return str(error)


def strays() -> list[str]:
    """What lies in the cache beside complete checkpoints and locks."""
    return [path.name for path in cache.root().glob(".*") if path.suffix != ".lock"]


def listed(name: str = "pggan-heads-64", **changes: Any) -> dict[str, Any]:
    """Return an entry of the registry as YAML holds it; a change of None removes a field."""
    plain = {
        "name": name,
        "version": "1.0.0",
        "summary": "T1w slices of 64 × 64, from 413 subjects of IXI",
        "plugin": "pggan",
        "distribution": "brainzoo-pggan",
        "source": {"hub": "zoo/pggan-heads-64", "revision": "a1" * 20},
        "files": {
            "model.safetensors": {"sha256": "b2" * 32, "size": 4_200_000},
            "config.json": {"sha256": "c3" * 32, "size": 3000},
        },
    }
    plain |= changes
    return {key: value for key, value in plain.items() if value is not None}


def content(*entries: dict[str, Any]) -> bytes:
    """Return the content of a file of entries."""
    plain = {"schema": 1, "checkpoints": [*entries]}
    return yaml.safe_dump(plain, sort_keys=False).encode()


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """Return a function that writes the registry that came with brainzoo; it knows nothing else.

    Fragments are known only of distributions that a test installs.
    """

    def of_tests() -> list[Any]:
        return [h for h in every() if not h.plugin_name.startswith("brainzoo-")]

    path, every = tmp_path / "packaged.yaml", registry.implementations
    monkeypatch.setattr(registry, "packaged", lambda: path)
    monkeypatch.setattr(registry, "implementations", of_tests)

    def write(*entries: dict[str, Any]) -> Path:
        path.write_bytes(content(*entries))
        return path

    write()
    return write
