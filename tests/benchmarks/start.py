"""Start-up and installed size beside the peers: python tests/benchmarks/start.py [--repeats 5]

Start-up: a new process each time, as a user's command is. Size: the files of a distribution and of
everything that it requires, torch and what torch itself requires apart, as installed here.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contest import Contest, Way, main, say
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from peers import PEERS, there

APART = ("torch", "torchvision")


def contests(given: Any) -> Iterator[Contest]:
    """Yield the start-up."""
    program = str(Path(sys.executable).parent / "brainzoo")
    ways = [
        Way("brainzoo --help", _starting([program, "--help"])),
        Way("brainzoo run pggan --data ixi --help", _starting([program, *HELP])),
        Way("import brainzoo", _starting(_import("brainzoo"))),
        Way("import torch", _starting(_import("torch"))),
    ]
    ways += [Way(f"import {m}", _starting(_import(m))) for m in USED if _starts(m)]
    yield Contest("start-up, a new process", "s", ways, inverse=True)


USED = (
    "monai.networks.nets",
    "pro_gan_pytorch.networks",
    "pythae.models",
    "torchio",
    "torch_fidelity",
)
HELP = ("run", "pggan", "--data", "ixi", "--help")


def sizes() -> str:
    """Return the table of installed sizes."""
    lines = ["| installed size, torch apart | MB | distributions |", "|---|---|---|"]
    for name in ("brainzoo-core", "brainzoo-pggan", *(PEERS[m] for m in PEERS if there(m))):
        needed = _needed(name)
        size = sum(map(_bytes, needed)) / 1e6
        missing = "" if all(map(_found, needed)) else " (some not installed here: not counted)"
        lines.append(f"| {name} | {size:,.0f} | {len(needed)}{missing} |")
    return "\n".join(lines)


def _starting(line: list[str]) -> Any:
    def run(seconds: float) -> float:
        started = time.perf_counter()
        subprocess.run(line, check=True, capture_output=True)
        return 1 / (time.perf_counter() - started)

    return run


def _starts(module: str) -> bool:
    """Tell whether a peer is there and can be imported: some need the torchvision of this torch."""
    if not there(module.split(".")[0]):
        return False
    if subprocess.run(_import(module), check=False, capture_output=True).returncode:
        say(f"{module} cannot be imported here, and is left out")
        return False
    return True


def _import(module: str) -> list[str]:
    return [sys.executable, "-W", "ignore", "-c", f"import {module}"]


def _needed(name: str) -> set[str]:
    """Return a distribution and all that it requires, without torch and what only that requires."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = canonicalize_name(waiting.pop())
        if current in found or current in APART:
            continue
        found.add(current)
        for text in (importlib.metadata.requires(current) or []) if _found(current) else []:
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                waiting.append(wanted.name)
    return found


def _found(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _bytes(name: str) -> int:
    """Return the bytes of a distribution's files; of an editable one those of its source."""
    if not _found(name):
        return 0
    distribution = importlib.metadata.distribution(name)
    files = [Path(str(distribution.locate_file(file))) for file in distribution.files or []]
    if name.startswith("brainzoo"):
        root = Path(__file__).parents[2]
        source = root / "core" if name == "brainzoo-core" else root / "plugins" / name / "src"
        files = [file for file in source.rglob("*") if "__pycache__" not in file.parts]
    return sum(file.stat().st_size for file in files if file.is_file())


if __name__ == "__main__":
    main(contests, __doc__)
    print(sizes())
