"""``brainzoo doctor`` and ``plugins``: what is here, and what to do about what is not."""

from __future__ import annotations

import dataclasses
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator

import click

from brainzoo.cli.params import command_options
from brainzoo.common import console
from brainzoo.common.hardware import hardware, memory_gb
from brainzoo.common.home import home
from brainzoo.common.version import DISTRIBUTION
from brainzoo.plugin import manager as installed
from brainzoo.plugin.manager import KINDS, LIBRARIES, stranger, versions

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
    """One thing looked at; ``hint`` says what to do about it, where something is wrong."""

    name: str
    found: str
    hint: str = ""


@click.command()
@command_options()
def doctor() -> None:
    """Check versions, device, memory, cache and plugins."""
    checks: list[Check] = []
    for check in _checks():
        checks.append(check)
        if not console.as_json():  # at once: torch may take seconds to answer
            hint = f"\n         {check.hint}" if check.hint else ""
            mark = "warning" if check.hint else "ok     "
            console.result(f"{mark}  {check.name}: {check.found}{hint}")
    found = [{**dataclasses.asdict(check), "ok": not check.hint} for check in checks]
    console.answer({"healthy": all(check["ok"] for check in found), "checks": found})


def _checks() -> Iterator[Check]:
    known, machine, memory = versions(), hardware(), memory_gb()
    yield Check("brainzoo", f"{known[DISTRIBUTION]} on Python {platform.python_version()}")
    if warning := stranger():
        found, _, hint = warning.partition(": ")
        yield Check("another brainzoo", found, hint)
    yield Check("libraries", _listed({k: v for k, v in known.items() if k in LIBRARIES}))
    yield Check("processor", f"{machine['cpu']}, {machine['cores']} cores")
    hint = "Train with a small --batch-size." if 0 < memory < ENOUGH_MEMORY_GB else ""
    yield Check("memory", f"{memory:g} GB" if memory else "unknown", hint)
    yield _training()
    existing = next(path for path in [home(), *home().absolute().parents] if path.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    need = f"IXI needs about {ENOUGH_DISK_GB} GB; set BRAINZOO_HOME to a larger disk."
    hint = need if free_gb < ENOUGH_DISK_GB else ""
    yield Check("cache", f"{home()}, {free_gb:.0f} GB are free", hint)
    for plugin in installed.plugins().all:
        if plugin.problem:
            found = f"{plugin.distribution} {plugin.version} is broken: {plugin.problem}"
            hint = f"Try: pip install --upgrade {plugin.distribution}"
            yield Check(f"plugin {plugin.name}", found, hint)
        if plugin.torch_seconds:
            found = (
                f"{plugin.module} imports torch: every command waits {plugin.torch_seconds:.1f} s"
            )
            hint = "Its author can move the import into the file that target names."
            yield Check(f"plugin {plugin.name}", found, hint)
    working = {p.distribution: p.version for p in installed.plugins().all if not p.problem}
    yield Check("plugins", _listed(working))
    if not installed.plugins().specs("generator"):
        yield Check("generators", "none installed", "Try: pip install brainzoo-dcgan")


def _training() -> Check:
    """Ask torch in a process of its own: a broken installation may crash it."""
    done = subprocess.run(
        [sys.executable, "-c", _ASK_TORCH], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return Check("training", done.stdout.splitlines()[-1])
    last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    missing = "No module named" in last
    found = "not installed" if missing else f"torch does not work: {last}"
    return Check("training", found, "Try: pip install 'brainzoo-core[training]'")


def _listed(items: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in items.items()) or "none"


@click.command()
@command_options()
def plugins() -> None:
    """List what is installed, what it offers, and what is broken."""
    found = installed.plugins()
    header = ["distribution", "version", *(f"{kind}s" for kind in KINDS), "also", "state"]
    rows, described = [], []
    for plugin in found.all:
        # What it brings besides the four kinds.
        module = sys.modules.get(plugin.module.partition(":")[0])
        kinds = () if plugin.problem else ("steps", "commands", "registry")
        also = [kind for kind in kinds if hasattr(module, f"brainzoo_{kind}")]
        offers = [", ".join(spec.name for spec in plugin.offers.get(kind, ())) for kind in KINDS]
        state = "broken" if plugin.problem else "works"
        rows.append([plugin.distribution, plugin.version, *offers, ", ".join(also), state])
        summaries = {
            f"{kind}s": [{"name": spec.name, "summary": spec.summary} for spec in specs]
            for kind, specs in plugin.offers.items()
        }
        named = ("name", "distribution", "version", "module")
        own = {name: getattr(plugin, name) for name in named}
        more = {"offers": summaries, "also": also, "problem": plugin.problem or None}
        described.append({**own, **more})
    kept = [i for i in range(len(header)) if any(row[i] for row in rows)]
    table = console.table([header[i] for i in kept], [[row[i] for i in kept] for row in rows])
    console.answer({"plugins": described}, table)
    for problem in found.problems:
        console.warn(problem)
