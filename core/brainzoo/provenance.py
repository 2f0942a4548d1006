"""What a run was made with: versions and hardware, for ``run.yaml``, the report and ``doctor``."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any

LIBRARIES = ("torch", "accelerate", "numpy", "nibabel", "safetensors")


def versions() -> dict[str, str]:
    """Return the versions of Python, brainzoo, its plugins and what decides their numbers."""
    from brainzoo.plugins import plugins

    found = {"python": platform.python_version()}
    found.update({plugin.distribution: plugin.version for plugin in plugins().all})
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Return processor, cores, memory and graphics cards; nothing that names the machine.

    Graphics cards are known only after torch is imported: this function does not import it.
    """
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": memory_gb(),
        "gpus": _gpus(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def memory_gb() -> float:
    """Return the main memory in GB, or that of the container where it is limited; 0 if unknown."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0.0
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file():
        text = limit.read_text().strip()
        total = min(total, int(text)) if text.isdigit() else total
    return round(total / 1e9, 1)


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _gpus() -> list[str]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
