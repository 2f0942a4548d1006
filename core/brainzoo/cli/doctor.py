"""``brainzoo doctor``: is this machine ready, and if not, what to do."""

from __future__ import annotations

import dataclasses
import platform
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
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
LIBRARIES = ("numpy", "nibabel", "safetensors", "torch", "accelerate")
TIMEOUT_SECONDS = 3
ENOUGH_DISK_GB = 10
ENOUGH_MEMORY_GB = 4

_ASK_TORCH = """
import torch
from brainzoo.training.devices import compute
chosen = compute()
name = f" {torch.cuda.get_device_name()}" if chosen.device.type == "cuda" else ""
precision = "fast bf16" if chosen.dtype is torch.bfloat16 else "fp32, no fast bf16"
threads = torch.get_num_threads()
print(f"torch {torch.__version__} on {chosen.device}{name}, {precision}, {threads} threads")
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
def doctor(offline: bool) -> None:
    """Check versions, device, memory, cache, plugins and network."""
    checks: list[Check] = []
    for check in _checks(offline):
        checks.append(check)
        if not console.as_json():  # at once: a server may take seconds to answer
            hint = f"\n         {check.hint}" if check.hint else ""
            mark = "ok     " if check.ok else "warning"
            console.result(f"{mark}  {check.name}: {check.found}{hint}")
    found = [dataclasses.asdict(check) for check in checks]
    console.answer({"healthy": all(c.ok for c in checks), "checks": found})


def _checks(offline: bool) -> Iterator[Check]:
    known = versions()
    yield Check("brainzoo", True, f"{known[DISTRIBUTION]} on Python {platform.python_version()}")
    if warning := stranger():
        found, _, hint = warning.partition(": ")
        yield Check("another brainzoo", False, found, hint)
    yield Check("libraries", True, _listed({k: v for k, v in known.items() if k in LIBRARIES}))
    machine = hardware()
    yield Check("processor", True, f"{machine['cpu']}, {machine['cores']} cores")
    memory = memory_gb()
    enough, found = memory >= ENOUGH_MEMORY_GB, f"{memory:g} GB"
    hint = "" if enough else "Train with a small --batch-size."
    yield Check("memory", enough, found, hint) if memory else Check("memory", True, "unknown")
    yield _training()
    yield _disk()
    yield from _plugins()
    if not offline:
        yield from (_reachable(name, address) for name, address in ADDRESSES.items())


def _training() -> Check:
    """Ask torch in a process of its own: a broken installation may crash it."""
    done = subprocess.run(
        [sys.executable, "-c", _ASK_TORCH], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        missing = "No module named" in last
        found = "not installed" if missing else f"torch does not work: {last}"
        return Check("training", False, found, "Try: pip install 'brainzoo-core[training]'")
    return Check("training", True, done.stdout.splitlines()[-1])


def _disk() -> Check:
    folder = home()
    existing = next(path for path in [folder, *folder.absolute().parents] if path.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    enough = free_gb >= ENOUGH_DISK_GB
    need = f"IXI needs about {ENOUGH_DISK_GB} GB; set BRAINZOO_HOME to a larger disk."
    return Check("cache", enough, f"{folder}, {free_gb:.0f} GB are free", "" if enough else need)


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
        urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError as error:
        with error:
            if error.code >= 500:  # less: it may dislike HEAD, but it is there
                return Check(name, False, f"{host} answers {error.code}", "Try again later.")
    except (OSError, ValueError) as error:
        text = f"{host} cannot be reached: {getattr(error, 'reason', error)}"
        hint = "Local data need no network; behind a proxy, set HTTPS_PROXY."
        return Check(name, False, text, hint)
    return Check(name, True, f"{host} answers")


def _listed(items: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in items.items()) or "none"
