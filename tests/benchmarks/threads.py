"""Training with one thread, with all, and with --threads auto; alone and beside busy neighbours.

    python tests/benchmarks/threads.py [--seconds 20] [--rounds 3] [--neighbours 0 1]

DCGAN at 64 × 64 on made-up heads, each training in a process of its own, in turns. A neighbour is a
process that multiplies and never waits. Printed: images/s, and ratios within a round, which hold
while the machine is busy with other things too: their number is the load printed beside.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from brainzoo.common.hardware import cores
from brainzoo.testing.heads import make_images

WAYS = {"one thread": "1", "all threads": str(cores()), "auto": "auto"}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--neighbours", type=int, nargs="+", default=[0, 1])
    given = parser.parse_args()
    for table in tables(given.seconds, given.rounds, given.neighbours):
        print(table, end="\n\n", flush=True)


def tables(seconds: float, rounds: int, numbers: Sequence[int] = (0, 1)) -> Iterator[str]:
    """Yield a table for each number of neighbours."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["BRAINZOO_HOME"] = str(folder / "home")
        make_images(folder / "heads", spatial=(64, 64), subjects=60)
        for neighbours in numbers:
            rates: dict[str, list[float]] = {way: [] for way in WAYS}
            loads = []
            busy = [
                subprocess.Popen([sys.executable, "-c", "while True: 3 * 3"])
                for _ in range(neighbours)
            ]
            try:
                for number in range(rounds):
                    for way, threads in WAYS.items():
                        run = folder / f"{neighbours}-{number}-{threads}"
                        rates[way].append(rate(folder / "heads", run, threads, seconds))
                        loads.append(os.getloadavg()[0])
            finally:
                for process in busy:
                    process.kill()
                    process.wait()
            ratios = [a / b for a, b in zip(rates["auto"], rates["one thread"], strict=True)]
            best = [
                a / max(b, c)
                for a, b, c in zip(*(rates[way] for way in ("auto", *list(WAYS)[:2])), strict=True)
            ]
            where = f"{neighbours} busy neighbours, {cores()} cores"
            where += f", load {statistics.median(loads):.1f}"
            lines = [f"| training DCGAN, 64 × 64, {where} | images/s |", "|---|---|"]
            for way, found in rates.items():
                low, high = min(found), max(found)
                lines.append(f"| {way} | {statistics.median(found):.0f} ({low:.0f}–{high:.0f}) |")
            lines += [
                "",
                f"auto against one thread: {shown(ratios)} ×; against the better of both: ",
            ]
            lines[-1] += f"{shown(best)} ×. {rounds} rounds of {seconds:g} s, its trials included."
            yield "\n".join(lines)


def rate(images: Path, run: Path, threads: str, seconds: float) -> float:
    """Return the images a second of a training."""
    words = ["train", "dcgan", "--data", str(images), "--minutes", str(seconds / 60)]
    words += ["--grids", "0", "--threads", threads, "--out", str(run)]
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    command = [sys.executable, "-m", "brainzoo", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    last = json.loads((run / "stats.jsonl").read_text().splitlines()[-1])
    return float(last["images"] / last["seconds"])


def shown(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    main()
