"""``brainzoo doctor``: is this machine ready, and if not, what to do."""

from __future__ import annotations

import dataclasses
import json
import platform
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import click

from brainzoo.cli.params import common_options
from brainzoo.common import console
from brainzoo.common.hardware import hardware, memory_gb
from brainzoo.common.home import home
from brainzoo.common.version import DISTRIBUTION
from brainzoo.plugin.manager import plugins, stranger
from brainzoo.plugin.versions import versions

ADDRESSES = {
    "Hugging Face Hub": "https://huggingface.co",
    "IXI": "https://biomedic.doc.ic.ac.uk/brain-development/downloads/IXI/",
}
TIMEOUT_SECONDS = 3
ENOUGH_DISK_GB = 10
ENOUGH_MEMORY_GB = 4

_ASK_TORCH = """
import json, torch
from brainzoo.training.devices import compute
chosen = compute()
print(json.dumps({
    "version": torch.__version__,
    "device": str(chosen.device),
    "name": torch.cuda.get_device_name() if chosen.device.type == "cuda" else "",
    "precision": "bf16" if chosen.dtype is torch.bfloat16 else "fp32",
    "threads": torch.get_num_threads(),
}))
"""


@dataclasses.dataclass(frozen=True)
class Check:
    """One thing looked at; ``hint`` says what to do where it is not ``ok``."""

    name: str
    ok: bool
    found: str
    hint: str = ""


@click.command()
@click.option("--offline", is_flag=True, help="Do not try to reach any server.")
@common_options
def doctor(offline: bool, as_json: bool, debug: bool) -> None:
    """Check versions, device, memory, cache, plugins and network."""
    checks: list[Check] = []
    for check in _checks(offline):
        checks.append(check)
        if not as_json:
            mark = "ok     " if check.ok else "warning"
            console.result(f"{mark}  {check.name}: {check.found}")
            if check.hint:
                console.result(f"         {check.hint}")
    if as_json:
        found = [dataclasses.asdict(check) for check in checks]
        console.result_json({"healthy": all(c.ok for c in checks), "checks": found})


def _checks(offline: bool) -> Iterator[Check]:
    known = versions()
    yield Check("brainzoo", True, f"{known[DISTRIBUTION]} on Python {platform.python_version()}")
    if warning := stranger():
        yield Check(
            "another brainzoo", False, warning.partition(": ")[0], warning.partition(": ")[2]
        )
    yield Check("libraries", True, _listed({k: v for k, v in known.items() if k in _LIBRARIES}))
    machine = hardware()
    yield Check("processor", True, f"{machine['cpu']}, {machine['cores']} cores")
    memory = memory_gb()
    yield Check(
        "memory",
        not memory or memory >= ENOUGH_MEMORY_GB,
        f"{memory:g} GB" if memory else "unknown",
        "" if not memory or memory >= ENOUGH_MEMORY_GB else "Train with a small --batch-size.",
    )
    yield _training()
    yield _disk()
    yield from _plugins()
    if not offline:
        yield from (_reachable(name, address) for name, address in ADDRESSES.items())


_LIBRARIES = ("numpy", "nibabel", "safetensors", "torch", "accelerate")


def _training() -> Check:
    """Ask torch in a process of its own: a broken installation may crash it."""
    done = subprocess.run(
        [sys.executable, "-c", _ASK_TORCH], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        missing = "No module named" in last
        found = "not installed" if missing else f"torch does not work: {last}"
        return Check("training", False, found, "Try: pip install 'brainzoo[training]'")
    found = json.loads(done.stdout.splitlines()[-1])
    device = f"{found['device']} {found['name']}".strip()
    text = f"torch {found['version']} on {device}, {found['precision']}, {found['threads']} threads"
    if found["precision"] == "bf16":
        return Check("training", True, f"{text}; bf16 is fast here")
    return Check("training", True, f"{text}; no fast bf16 here")


def _disk() -> Check:
    folder = home()
    existing = next(path for path in [folder, *folder.absolute().parents] if path.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    held_gb = sum(_size(path) for path in folder.rglob("*")) / 1e9 if folder.is_dir() else 0.0
    return Check(
        "cache",
        free_gb >= ENOUGH_DISK_GB,
        f"{folder} holds {held_gb:.1f} GB, {free_gb:.0f} GB are free",
        ""
        if free_gb >= ENOUGH_DISK_GB
        else f"IXI needs about {ENOUGH_DISK_GB} GB; set BRAINZOO_HOME to a larger disk.",
    )


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # gone meanwhile
        return 0


def _plugins() -> Iterator[Check]:
    for plugin in plugins().all:
        if plugin.problem:
            yield Check(
                f"plugin {plugin.name}",
                False,
                f"{plugin.distribution} {plugin.version} is broken: {plugin.problem}",
                f"Try: pip install --upgrade {plugin.distribution}",
            )
    working = {p.distribution: p.version for p in plugins().all if not p.problem}
    yield Check("plugins", True, _listed(working))
    if not plugins().specs("generator"):
        yield Check("generators", False, "none installed", "Try: pip install brainzoo-dcgan")


def _reachable(name: str, address: str) -> Check:
    request = urllib.request.Request(address, method="HEAD", headers={"User-Agent": "brainzoo"})
    host = urlsplit(address).hostname
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            return Check(name, True, f"{host} answers")
    except urllib.error.HTTPError as error:
        if error.code < 500:  # it may dislike HEAD, but it is there
            return Check(name, True, f"{host} answers")
        return Check(name, False, f"{host} is out of order: {error.code}", "Try again later.")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        text = "no answer within 3 s" if isinstance(reason, socket.timeout) else str(reason)
        return Check(name, False, f"{host} cannot be reached: {text}", _NETWORK_HINT)


_NETWORK_HINT = "Local data need no network; behind a proxy, set HTTPS_PROXY."


def _listed(items: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in items.items()) or "none"
