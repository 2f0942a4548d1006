"""A Dask scheduler and four workers on this machine, two of which are killed in the middle.

    python tests/benchmarks/cluster.py [--slices 10000] [--volumes 200] [--scans 581] [--source DIR]

Slices of pggan-ixi-64, volumes of 32³ of a 3-D DCGAN that is trained for a moment, and scans:
copies of those in DIR (NIfTI), or of a made-up head, under made-up ids. Each is made by the cluster
and by one process. Printed: whether the files are the same to the byte, the time of both, and the
resident memory of every process at a quarter of the work, at its end, and the most.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import dask_cluster
import work

from brainzoo.common.processes import cluster, each
from brainzoo.data.images import Images
from brainzoo.data.volumes import write_nifti
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.testing.heads import make_images, make_volume
from brainzoo.testing.plugin import files_below

WORKERS, KILLED = 4, 2
BRAINZOO = (sys.executable, "-m", "brainzoo")
ONE = "import brainzoo.common.processes as p; p.MOST = 1; from brainzoo.cli import main; main()"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--slices", type=int, default=10_000)
    parser.add_argument("--volumes", type=int, default=200)
    parser.add_argument("--scans", type=int, default=581)
    parser.add_argument("--source", type=Path)
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["BRAINZOO_HOME"] = str(folder / "home")
        if given.slices:
            words = ("sample", "pggan-ixi-64", "-n", str(given.slices))
            compare(f"{given.slices:,} slices of 64 x 64", folder / "slices", words)
        if given.volumes:
            words = ("sample", str(small(folder)), "-n", str(given.volumes))
            compare(f"{given.volumes:,} volumes of 32 x 32 x 32", folder / "volumes", words)
        if given.scans:
            copies(given.source, given.scans, folder / "scans")
            words = ("data", "folder", "--data.root", str(folder / "scans"), "--size", "128")
            compare(f"{given.scans:,} scans prepared", folder / "prepared", words)


def small(folder: Path) -> Path:
    """Return the checkpoint of a 3-D DCGAN that has seen a few images."""
    images = make_images(folder / "heads", spatial=(32, 32, 32)).where(split="train")
    spec = plugins().get("generator", "dcgan")
    generator = spec.load()(spec.config())
    (folder / "run").mkdir()
    run = Run(folder / "run", TrainConfig(images=32))
    generator.fit(images, run)
    generator.save(run.checkpoint)
    return run.checkpoint


def copies(source: Path | None, count: int, folder: Path) -> None:
    """Write scans under made-up ids."""
    folder.mkdir()
    found = sorted(source.rglob("*.nii.gz")) if source else [folder.with_name("head.nii.gz")]
    if source is None:
        write_nifti(found[0], make_volume(shape=(60, 70, 60)))
    for number in range(count):
        shutil.copy(found[number % len(found)], folder / f"sub-{number:04d}_T1w.nii.gz")


def compare(title: str, folder: Path, words: Sequence[str]) -> None:
    """Make the same alone and on a cluster; print what became of it."""
    folder.mkdir()
    alone, there = folder / "alone", folder / "there"
    started = time.monotonic()
    command = [sys.executable, "-c", ONE, *words, "--out", str(alone)]
    done = subprocess.run(command, capture_output=True, check=False)
    seconds = time.monotonic() - started
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    with dask_cluster.started(folder / "dask", WORKERS) as (address, workers):
        with cluster(address):
            while len(set(each(work.process_id, range(8 * WORKERS)))) < WORKERS:
                pass  # until all are there
        started = time.monotonic()
        command = [*BRAINZOO, *words, "--out", str(there), "--cluster", address]
        with (folder / "said").open("wb") as said:
            process = subprocess.Popen(command, stdout=said, stderr=said)
        names = {"the command": process, **{f"worker {i}": w for i, w in enumerate(workers, 1)}}
        memory: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        killed_at, part = 0.0, 0.0
        while process.poll() is None:
            part = max(part, done_of(there, alone))
            for name, one in names.items():
                if now := resident(one.pid):
                    memory[name].append((part, now))
            if part > 0.4 and not killed_at:
                killed_at = part
                for worker in workers[:KILLED]:
                    worker.kill()
            time.sleep(0.1)
        took = time.monotonic() - started
    if process.returncode or not killed_at:
        raise SystemExit((folder / "said").read_text())
    same = files_below(alone) == files_below(there)
    print(f"\n{title}: {'the same bytes' if same else 'OTHER BYTES'} as by one process.")
    killed = f"{KILLED} of {WORKERS} workers killed at {killed_at:.0%}"
    print(f"{killed}; {took:.0f} s, alone {seconds:.0f} s.\n")
    print("| resident memory, MB | at a quarter | in the end | most |\n|---|---|---|---|")
    for name, seen in memory.items():
        early = [now for at, now in seen if 0.15 <= at <= 0.35]
        late = [now for at, now in seen if at >= 0.85]
        shown = (f"{statistics.median(x):.0f}" if x else "-" for x in (early, late))
        print(f"| {name} | {' | '.join(shown)} | {max(now for _, now in seen):.0f} |", flush=True)


def done_of(there: Path, alone: Path) -> float:
    """Return which part is drawn, by the journal, or prepared, by the size of the pixels."""
    journal = there.with_name(f"{there.name}.part") / "done.jsonl"
    if journal.is_file():
        total = len(Images.open(alone))
        with contextlib.suppress(OSError):  # done this moment
            return journal.read_bytes().count(b"\n") * (64 if total > 1000 else 8) / total
    sizes = [path.stat().st_size for path in there.parent.glob(f".{there.name}.*/pixels.npy")]
    return max(sizes, default=0) / (alone / "pixels.npy").stat().st_size


def resident(pid: int) -> float:
    """Return the resident memory of a process in MB, 0 if it has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


if __name__ == "__main__":
    main()
