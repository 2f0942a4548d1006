"""Where downloads and prepared data go."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainzoo.common.home import home


def test_the_environment_decides_else_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINZOO_HOME", "~/brains")
    assert home() == Path.home() / "brains"
    monkeypatch.setenv("BRAINZOO_HOME", "")
    assert home().is_absolute()
    assert home().name == "brainzoo"
