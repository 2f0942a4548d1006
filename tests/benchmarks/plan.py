"""What `brainzoo plan` predicts against what the run then does.

    python tests/benchmarks/plan.py [--seconds 30] [--only dcgan pggan] [--root IXI]

For each generator, in 2-D and one in 3-D: the plan of a run with a budget of time, and the run;
the plan of a run with a budget of as many images, and that run. (Where stages differ in speed, half
of the images is not half of the time.) Prepares simulated heads, or with --root the scans of IXI.
A plan is right if it is within 30 %.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import yaml

WITHIN = 1.3
ATLAS = ("--data", "atlas", "--data.subjects", "24")
QUICK = ("--preset", "quick")
CASES = {
    "dcgan": ("dcgan", *QUICK),
    "pggan": ("pggan", *QUICK),
    "pggan 128": ("pggan", "--preset", "default"),
    "vae": ("vae", *QUICK),
    "vqvae": ("vqvae", *QUICK),
    "vqvae 3-D": ("vqvae", "--preset", "volumes", "--size", "32"),
}


def brainzoo(*words: str, home: Path) -> str:
    """Run a command and return what it prints."""
    line = [str(Path(sys.executable).parent / "brainzoo"), *words]
    environment = {**os.environ, "BRAINZOO_HOME": str(home)}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stderr.splitlines()[-1]}")
    return done.stdout


def compare(words: tuple[str, ...], folder: Path, seconds: float) -> list[tuple[str, float, float]]:
    """Plan and run one case; return what was predicted and what came."""
    home = folder / "home"
    timed = (*words, "--minutes", f"{seconds / 60:.4f}", "--samples", "64", "--export", "none")

    def plan(*budgeted: str) -> tuple[dict[str, Any], float]:
        started = time.perf_counter()
        told = json.loads(brainzoo("plan", *budgeted, "--json", home=home))["data"]
        return told, time.perf_counter() - started

    first, spent = plan(*timed)
    brainzoo("run", *timed, "--out", str(folder / "timed"), home=home)
    record = yaml.safe_load((folder / "timed" / "run.yaml").read_text())["seconds"]
    lines = (folder / "timed" / "stats.jsonl").read_text().splitlines()
    seen = json.loads(lines[-1])["images"]
    counted = (*words, "--images", str(seen), "--samples", "64", "--export", "none")
    second, _ = plan(*counted)
    brainzoo("run", *counted, "--out", str(folder / "counted"), home=home)
    took = yaml.safe_load((folder / "counted" / "run.yaml").read_text())["seconds"]["train"]
    print(f"  the plan took {spent:.0f} s", file=sys.stderr)
    parts = ("prepare", "train", "sample")
    held = max(json.loads(line)["memory_mb"] for line in lines)
    return [
        (f"images in {seconds:.0f} s", first["training"]["images"], seen),
        (f"seconds for {seen:,} images", second["training"]["seconds"], took),
        ("seconds of all", first["seconds"]["total"], sum(record[part] for part in parts)),
        ("memory of the process, MB", first["training"]["memory_mb"], held),
    ]


def main() -> None:
    """Print a table of every case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each run")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--root", help="the folder of IXI's scans, in place of simulated heads")
    given = parser.parse_args()
    data = ("--data", "ixi", "--data.root", given.root) if given.root else ATLAS
    print(f"{torch.get_num_threads()} threads, runs of {given.seconds:.0f} s\n")
    print("| | predicted | came | ratio | within 30 % |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for case in given.only:
            print(f"{case} ...", file=sys.stderr)
            folder = Path(name) / case.replace(" ", "-")
            for what, told, came in compare((*CASES[case], *data), folder, given.seconds):
                ratio = came / told if told else float("nan")
                right = "yes" if 1 / WITHIN <= ratio <= WITHIN else "no"
                row = f"| {case}: {what} | {told:,.4g} | {came:,.4g} | {ratio:.2f} | {right} |"
                print(row, flush=True)


if __name__ == "__main__":
    main()
