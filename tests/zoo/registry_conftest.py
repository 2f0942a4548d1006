from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Written = Callable[..., Path]


def entry(name: str = "pggan-heads-64", **changes: Any) -> dict[str, Any]:
    """Return an entry of the registry as YAML holds it; a change of None removes a field."""
    plain = {
        "name": name,
        "version": "1.0.0",
        "plugin": "pggan",
        "plugin_requires": "brainzoo-pggan~=0.1.0",
        "source": {"hub": "zoo/pggan-heads-64", "revision": "a1" * 20},
        "files": {
            "model.safetensors": {"sha256": "b2" * 32, "size": 4_200_000},
            "config.json": {"sha256": "c3" * 32, "size": 3000},
        },
        "license": "CC-BY-SA-3.0",
        "data": {
            "name": "IXI",
            "version": "2010",
            "license": "CC-BY-SA-3.0",
            "url": "https://brain-development.org/ixi-dataset/",
            "n_subjects": 413,
        },
        "modality": ["T1w"],
        "spatial_dims": 2,
        "image_shape": [1, 64, 64],
        "spacing_mm": [3.5, 3.5],
        "params": 1_050_000,
        "metrics": [
            {"name": "FID", "value": 31.24, "low": 28, "high": 35.5, "floor": 12.0, "n": 1200,
             "protocol": "metrics: InceptionV3"},
            {"name": "SWD", "value": 0.02, "n": 1200, "protocol": "metrics: 64 x 64"},
            {"name": "copies", "value": 0.0, "n": 1200, "protocol": "privacy"},
        ],
        "training": {
            "command": "brainzoo run pggan --data ixi --preset quick",
            "seed": 0,
            "commit": "4c5dbde",
            "hardware": "2 cores",
        },
        "paper": "Karras et al. 2018, arXiv 1710.10196",
        "intended_use": "Research and teaching.",
        "limitations": "Not for diagnosis.",
    }  # fmt: skip
    plain |= changes
    return {key: value for key, value in plain.items() if value is not None}


def content(*entries: dict[str, Any], serial: int = 2, **changes: Any) -> bytes:
    """Return the content of a file of entries."""
    plain = {"schema": 1, "serial": serial, "checkpoints": [*entries], **changes}
    return yaml.safe_dump(plain, sort_keys=False).encode()


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a home of its own: fetched registries and checkpoints lie there."""
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "own-home"))
    return tmp_path / "own-home"


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """Return a function that writes the registry that came with brainzoo; it knows nothing else.

    Fragments are known only of distributions that a test installs.
    """
    from brainzoo.zoo.registry import merge

    def of_tests() -> list[Any]:
        return [h for h in every() if not h.plugin_name.startswith("brainzoo-")]

    path, every = tmp_path / "packaged.yaml", merge.implementations
    monkeypatch.setattr(merge, "packaged", lambda: path)
    monkeypatch.setattr(merge, "implementations", of_tests)

    def write(*entries: dict[str, Any], serial: int = 2) -> Path:
        path.write_bytes(content(*entries, serial=serial))
        return path

    write()
    return write
