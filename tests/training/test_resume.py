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

SCRIPT = Path(__file__).with_name("tiny.py")
IMAGES = 4000


def command(folder, *more):
    # A pause in every step, or a fast machine would be done before the signal comes.
    return [sys.executable, str(SCRIPT), str(folder), str(IMAGES), "--step-ms", "4", *more]


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def finish(folder, *more):
    return completed(command(folder, *more)).split("digest ")[1].strip()


def completed(line: list[str]) -> str:
    """Run a command to its good end and return what it printed."""
    done = subprocess.run(line, capture_output=True, text=True, env=environment(), timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return {p: finish(tmp_path_factory.mktemp("whole"), "--precision", p) for p in ("fp32", "bf16")}


def images_in_state(folder):
    with safe_open(folder / "state" / "state.safetensors", framework="pt") as file:
        return json.loads(file.metadata()["counters"])["images"]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_killed_at_random_moments_ends_in_the_same_weights(tmp_path, uninterrupted, precision):
    rng = random.Random(precision)
    kills = 0
    while kills < 3:
        process = subprocess.Popen(
            command(tmp_path, "--resume", "--precision", precision),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        before = images_in_state(tmp_path) if (tmp_path / "state").exists() else 0
        while process.poll() is None and (
            not (tmp_path / "state" / "state.safetensors").exists()
            or images_in_state(tmp_path) == before
        ):
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.4))
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        kills += 1
    assert kills, "the training ended before it could be killed once"
    assert images_in_state(tmp_path) < IMAGES
    assert finish(tmp_path, "--resume", "--precision", precision) == uninterrupted[precision]
    lines = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    seen = [line["images"] for line in lines]
    assert seen == sorted(set(seen)), "no part of the run is recorded twice"
    assert seen[-1] == IMAGES


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_writes_its_state_and_resumes(tmp_path, uninterrupted, number):
    process = subprocess.Popen(
        command(tmp_path, "--save-minutes", "60"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    while not (tmp_path / "stats.jsonl").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
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
