"""A run that is killed or interrupted at any moment resumes to the very same weights."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors import safe_open
from waiting import wait_until

SCRIPT = Path(__file__).with_name("tiny.py")
IMAGES = 1200


def command(folder, *more):
    return [sys.executable, str(SCRIPT), str(folder), str(IMAGES), *more]


def begin(folder, *more, **streams):
    """Start a training that waits in every step: it is far from its end when it is killed."""
    line = [*command(folder, *more), "--step-ms", "50"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(line, env=environment(), **quiet | streams)


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def finish(folder, *more):
    return completed(command(folder, "--save-minutes", "60", *more)).split("digest ")[1].strip()


def completed(line: list[str]) -> str:
    """Run a command to its good end and return what it printed."""
    done = subprocess.run(line, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return {p: finish(tmp_path_factory.mktemp("whole"), "--precision", p) for p in ("fp32", "bf16")}


def images_in_state(folder):
    if not (folder / "state" / "state.safetensors").exists():
        return 0
    with safe_open(folder / "state" / "state.safetensors", framework="pt") as file:
        return json.loads(file.metadata()["counters"])["images"]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_killed_at_random_moments_ends_in_the_same_weights(tmp_path, uninterrupted, precision):
    rng = random.Random(precision)
    for _ in range(3):
        before = images_in_state(tmp_path)
        process = begin(tmp_path, "--resume", "--precision", precision)
        wait_until(lambda before=before: images_in_state(tmp_path) > before, process)
        time.sleep(rng.uniform(0, 0.4))
        process.kill()
        process.wait()
    assert images_in_state(tmp_path) < IMAGES
    assert finish(tmp_path, "--resume", "--precision", precision) == uninterrupted[precision]
    lines = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    seen = [line["images"] for line in lines]
    assert seen == sorted(set(seen)), "no part of the run is recorded twice"
    assert seen[-1] == IMAGES


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_writes_its_state_and_resumes(tmp_path, uninterrupted, number):
    process = begin(tmp_path, "--save-minutes", "60", stderr=subprocess.PIPE)
    wait_until((tmp_path / "stats.jsonl").exists, process)
    process.send_signal(number)
    _, error = process.communicate()
    assert b"KeyboardInterrupt" in error
    assert 0 < images_in_state(tmp_path) < IMAGES
    assert finish(tmp_path, "--resume") == uninterrupted["fp32"]


def test_a_finished_run_goes_on_with_a_larger_budget(tmp_path, uninterrupted):
    half = [sys.executable, str(SCRIPT), str(tmp_path), str(IMAGES // 2)]
    completed(half)
    assert finish(tmp_path, "--resume") == uninterrupted["fp32"]


def test_two_processes_end_a_budget_of_time_together(tmp_path):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    both = [*launcher, str(SCRIPT), str(tmp_path), "0", "--minutes", "0.03"]
    digests = [line for line in completed(both).splitlines() if line.startswith("digest")]
    assert len(digests) == 2
    assert digests[0] == digests[1], "the processes ended in different weights"
