"""A training of several processes whose worker is killed, or that is stopped, goes on as one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from safetensors import safe_open

from brainzoo.testing.heads import make_images

pytestmark = pytest.mark.slow

pytest.importorskip("brainzoo_dcgan")
if not Path("/proc/self/environ").exists():
    pytest.skip("workers are found in /proc", allow_module_level=True)

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
ACCELERATE = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
ACCELERATE += ["--num_processes=2", "--num_machines=1", "--mixed_precision=no"]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images, and a run on them without an end."""
    folder = tmp_path_factory.mktemp("stopped")
    make_images(folder / "images", classes=())
    return folder


@contextmanager
def launched(launcher: list[str], *words: object) -> Iterator[subprocess.Popen[str]]:
    """Start two processes; end what is left of them."""
    process = subprocess.Popen(
        [*launcher, "-m", "brainzoo", "train", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, as a shell gives it: Ctrl-C goes to all of it
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    with process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def workers(launcher: int) -> Iterator[tuple[int, int]]:
    """Yield rank and process id of each worker."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            variables = (folder / "environ").read_bytes().split(b"\0")
        except (OSError, IndexError):
            continue
        ranks = [int(v[5:]) for v in variables if v.startswith(b"RANK=")]
        if parent == launcher and ranks:
            yield ranks[0], int(folder.name)


def images_in_state(run: Path) -> int:
    path = run / "state" / "state.safetensors"
    if not path.exists():
        return 0
    # It is replaced while it is read: safetensors opens it twice.
    for _ in range(20):
        try:
            return _images(path)
        except RuntimeError:
            continue
    return 0


def _images(path: Path) -> int:
    with safe_open(path, framework="pt") as file:
        return int(json.loads(file.metadata()["counters"])["images"])


def wait_for_more(process: subprocess.Popen[str], run: Path, images: int) -> None:
    while process.poll() is None and images_in_state(run) <= images:
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()[1]


def told_at_the_end(process: subprocess.Popen[str]) -> str:
    """Return the one line that brainzoo wrote at the end."""
    _, stderr = process.communicate()
    assert process.returncode != 0
    assert "terminate called" not in stderr
    before_the_launcher_s = stderr.split("torch/distributed/elastic")[0]
    assert "Traceback" not in before_the_launcher_s
    (line,) = [line for line in stderr.splitlines() if line.startswith("brainzoo: ")]
    return line


def test_a_killed_worker_ends_all_with_one_line(stopped: Path) -> None:
    run = stopped / "run"
    words = ["--out", run, "--images=10M", "--base-channels=8", "--save-minutes=0", "--device=cpu"]
    with launched(TORCHRUN, "dcgan", "--data", stopped / "images", *words) as process:
        wait_for_more(process, run, 0)
        os.kill(dict(workers(process.pid))[0], signal.SIGKILL)
        line = told_at_the_end(process)
    assert "one of the 2 processes ended before the others" in line
    assert line.endswith(f"Go on with: brainzoo run --resume {run}")
    assert images_in_state(run) > 0


def test_ctrl_c_leaves_a_state_that_one_process_resumes(stopped: Path) -> None:
    run = stopped / "run"
    before = images_in_state(run)
    with launched(ACCELERATE, "--resume", run) as process:
        wait_for_more(process, run, before)
        os.killpg(process.pid, signal.SIGINT)
        line = told_at_the_end(process)
    assert line.startswith(f"brainzoo: stopped; what is done is kept in {run}.")
    assert line.endswith(f"Go on with: brainzoo run --resume {run}")
