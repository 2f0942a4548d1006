"""Heads to prepare, and a cache of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from phantom import Heads

from brainzoo.preparation.prepare import PrepareConfig

SMALL = PrepareConfig(size=32, slices=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("heads")


@pytest.fixture
def heads(folder: Path) -> Heads:
    return Heads(folder)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "prepared"


def in_cache(cache: Path) -> list[str]:
    """Return the names in the cache; the locks of processes stay there."""
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock")
