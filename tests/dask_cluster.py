"""A Dask scheduler and worker processes on this machine, for tests and benchmarks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def started(folder: Path, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Start them within a block: the scheduler's address, and the processes of its workers."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "scheduler.json"
    common = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
    alone = ["--nthreads", "1", "--no-nanny", "--memory-limit", "0"]
    alone += ["--local-directory", str(folder)]
    paths = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    processes: list[subprocess.Popen[bytes]] = []

    def start(kind: str, *words: str) -> None:
        with (folder / f"{kind}-{len(processes)}.log").open("wb") as log:
            command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *common, *words]
            processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))

    try:
        start("scheduler", "--port", "0")
        while not file.exists():
            if processes[0].poll() is not None:
                raise RuntimeError((folder / "scheduler-0.log").read_text())
            time.sleep(0.05)
        for _ in range(workers):
            start("worker", *alone)
        yield json.loads(file.read_text())["address"], processes[1:]
    finally:
        for process in processes[::-1]:
            process.kill()
            process.wait()
