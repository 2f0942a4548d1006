"""The machine: processor, cores, memory and graphics cards; nothing that names it."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any


def hardware() -> dict[str, Any]:
    """Return processor, cores, memory and, where torch is imported already, graphics cards."""
    cuda = torch.cuda if (torch := sys.modules.get("torch")) else None
    cards = range(cuda.device_count()) if cuda and cuda.is_available() else ()
    return {
        "cpu": _cpu(),
        "cores": cores(),
        "memory_gb": memory_gb(),
        "gpus": [cuda.get_device_name(i) for i in cards] if cuda else [],
        "system": f"{platform.system()} {platform.machine()}",
    }


def cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_memory() -> int:
    """Return the most memory in bytes that this process has had resident at once."""
    try:
        # Linux counts into ru_maxrss what the process was before it became this program.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


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


def free_memory() -> int | None:
    """Return how many bytes of memory could be used now, or in the container; None if unknown."""
    free = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free.append(1024 * int(line.split()[1]))
        group = Path("/sys/fs/cgroup")
        limit = (group / "memory.max").read_text().strip()
        if limit.isdigit():
            free.append(int(limit) - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        pass
    return max(0, min(free)) if free else None


def public_hardware() -> str:
    """Return processor and graphics cards in one line, for what is published."""
    found = hardware()
    plural = "" if found["cores"] == 1 else "s"
    parts = [f"{found['cpu']}, {found['cores']} core{plural}", *found["gpus"]]
    return " + ".join(part for part in parts if part)[:300]


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
