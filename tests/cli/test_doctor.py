from __future__ import annotations

import json
import sys

import pytest

from brainzoo.cli import doctor
from brainzoo.plugin.manager import plugins

from ..conftest import Brainzoo, Install


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch be missing, which also saves the seconds of importing it."""
    monkeypatch.setattr(doctor, "_ASK_TORCH", "import torch_that_is_not_there")


def test_doctor_checks_everything(brainzoo: Brainzoo) -> None:
    result = brainzoo("doctor", "--json")
    assert result.exit_code == 0, result.stderr
    checks = {check["name"]: check for check in json.loads(result.stdout)["data"]["checks"]}
    assert {"brainzoo", "libraries", "processor", "memory", "training", "cache"} <= set(checks)
    assert "Python 3." in checks["brainzoo"]["found"]
    assert "are free" in checks["cache"]["found"]


@pytest.mark.usefixtures("tiny", "without_torch")
def test_a_broken_plugin_is_named_with_what_to_do(brainzoo: Brainzoo, install: Install) -> None:
    install("brainzoo-zz", {"zz": "does_not_exist"})
    text = " ".join(brainzoo("doctor").stdout.split())
    assert "warning plugin zz: brainzoo-zz 0.1.0 is broken: ModuleNotFoundError" in text
    assert "Try: pip install --upgrade brainzoo-zz" in text


@pytest.mark.usefixtures("without_torch")
def test_without_torch_it_says_what_to_install(brainzoo: Brainzoo) -> None:
    text = " ".join(brainzoo("doctor").stdout.split())
    assert "warning training: not installed Try: pip install 'brainzoo-core[training]'" in text


def test_a_plugin_that_makes_every_command_slow_is_named(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    modules = {"torch": "", "slow_plugin": "import torch"}  # a torch that is quick to import
    install("brainzoo-slow", {"slow": "slow_plugin"}, modules=modules)
    (found,) = [one for one in plugins().all if one.name == "slow"]
    assert found.torch_seconds > 0
    monkeypatch.setattr(doctor, "_training", lambda: doctor.Check("training", "not asked"))
    monkeypatch.setattr(doctor, "hardware", lambda: {"cpu": "one", "cores": 1})
    monkeypatch.setattr(doctor, "versions", lambda: {"brainzoo-core": "0"})
    said = [check.found for check in doctor._checks() if check.hint]
    assert any("slow_plugin imports torch" in text for text in said)
