"""Images/s and memory of ``brainzoo sample`` at 1,000 and 10,000 images.

    python tests/benchmarks/sampling.py [CHECKPOINT ...] [--workers 1 2]

Without a checkpoint it trains a small DCGAN on the heads of the plugin ``atlas`` for a few seconds;
speed and memory do not depend on how good it is. Each line is one command in a process of its own:
images/s from the first image to the last, the start of workers included; the seconds of the whole
command; and the greatest resident memory of the process that had most (VmHWM; most of it is torch
itself).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from brainzoo.common import console
from brainzoo.common.hardware import public_hardware

TRAIN = ("--data", "atlas", "--preset", "quick", "--images", "64", "--samples", "8")


def brainzoo(folder: Path, *words: str) -> dict[str, Any]:
    """Run a command and return the object that it prints."""
    command = [sys.executable, "-m", "brainzoo", *words, "--json"]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if found.returncode:
        sys.exit(found.stderr)
    data: dict[str, Any] = json.loads(found.stdout)["data"]
    return data


def main() -> None:
    """Draw with each checkpoint, number and number of workers, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("checkpoints", nargs="*", help="names, runs or folders")
    parser.add_argument("--n", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    chosen = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoints = [
            str(Path(c).resolve()) if Path(c).exists() else c for c in chosen.checkpoints
        ]
        if not checkpoints:
            brainzoo(folder, "run", "dcgan", *TRAIN, "--export", "none", "--out", "dcgan")
            checkpoints = ["dcgan"]
        for checkpoint in checkpoints:
            for workers in chosen.workers:
                for n in chosen.n:
                    rows.append(measured(folder, checkpoint, n, workers))
                    print(*rows[-1], file=sys.stderr)
    print(f"{public_hardware()}; {len(os.sched_getaffinity(0))} cores used; {platform.platform()}")
    header = ("checkpoint", "workers", "images", "images/s", "seconds", "peak MB")
    print(console.table(header, rows))


def measured(folder: Path, checkpoint: str, n: int, workers: int) -> tuple[str, ...]:
    """Return one line of the table."""
    begun = time.monotonic()
    told = brainzoo(folder, "sample", checkpoint, "-n", str(n), "--workers", str(workers))
    seconds = time.monotonic() - begun
    subprocess.run(["rm", "-r", str(folder / told["folder"])], check=True)
    return (
        Path(checkpoint).name,
        str(told["workers"]),
        f"{n:,}",
        console.number(told["images_per_second"]),
        f"{seconds:.1f}",
        f"{told['peak_memory_bytes'] / 2**20:.0f}",
    )


if __name__ == "__main__":
    main()
