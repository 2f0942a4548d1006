from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from brainzoo.cli import doctor
from brainzoo.plugin.manager import plugins

from ..conftest import Brainzoo, Install


class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[str]:
    """Answer /200, /403, /500 with that status on the loopback."""
    found = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{found.server_port}"
    found.shutdown()
    found.server_close()


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch be missing, which also saves the seconds of importing it."""
    monkeypatch.setattr(doctor, "_ASK_TORCH", "import torch_that_is_not_there")


def test_doctor_offline_checks_everything_but_the_network(brainzoo: Brainzoo) -> None:
    result = brainzoo("doctor", "--offline", "--json")
    assert result.exit_code == 0, result.stderr
    checks = {check["name"]: check for check in json.loads(result.stdout)["data"]["checks"]}
    assert {"brainzoo", "libraries", "processor", "memory", "training", "cache"} <= set(checks)
    assert "Python 3." in checks["brainzoo"]["found"]
    assert "are free" in checks["cache"]["found"]
    assert not set(checks) & set(doctor.ADDRESSES)


@pytest.mark.parametrize(("status", "reached"), [(200, True), (403, True), (500, False)])
@pytest.mark.usefixtures("without_torch")
def test_a_server_that_answers_is_reachable(
    brainzoo: Brainzoo,
    monkeypatch: pytest.MonkeyPatch,
    server: str,
    status: int,
    reached: bool,
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(doctor, "ADDRESSES", {"Hub": f"{server}/{status}"})
    line = next(x for x in brainzoo("doctor").stdout.splitlines() if "Hub:" in x)
    assert line.startswith("ok" if reached else "warning")


@pytest.mark.usefixtures("without_torch")
def test_a_server_that_does_not_answer_is_a_warning_with_a_hint(
    brainzoo: Brainzoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "ADDRESSES", {"Hub": "http://127.0.0.1:9"})
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    result = brainzoo("doctor")
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert "warning Hub: 127.0.0.1 cannot be reached" in text
    assert "Local data need no network" in text


@pytest.mark.usefixtures("tiny", "without_torch")
def test_a_broken_plugin_is_named_with_what_to_do(brainzoo: Brainzoo, install: Install) -> None:
    install("brainzoo-zz", {"zz": "does_not_exist"})
    text = " ".join(brainzoo("doctor", "--offline").stdout.split())
    assert "warning plugin zz: brainzoo-zz 0.1.0 is broken: ModuleNotFoundError" in text
    assert "Try: pip install --upgrade brainzoo-zz" in text


@pytest.mark.usefixtures("without_torch")
def test_without_torch_it_says_what_to_install(brainzoo: Brainzoo) -> None:
    text = " ".join(brainzoo("doctor", "--offline").stdout.split())
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
    said = [check.found for check in doctor._checks(offline=True) if not check.ok]
    assert any("slow_plugin imports torch" in text for text in said)
