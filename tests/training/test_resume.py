"""A run that is killed or interrupted at any moment resumes to the very same weights."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from safetensors import safe_open
from torch.optim.optimizer import register_optimizer_step_post_hook
from training import tiny
from waiting import wait_until

pytestmark = pytest.mark.slow

IMAGES = 1200


def finish(folder, images=IMAGES, **options):
    """Train to the end in this process, with as many threads as the others have."""
    held = {"images": images, "save_minutes": 60.0, "threads": "1", "precision": "fp32"}
    return tiny.digest(tiny.train(folder, **held | options))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return {
        precision: finish(tmp_path_factory.mktemp("whole"), precision=precision)
        for precision in ("fp32", "bf16")
    }


def images_in_state(folder):
    if not (folder / "state" / "state.safetensors").exists():
        return 0
    with safe_open(folder / "state" / "state.safetensors", framework="pt") as file:
        return json.loads(file.metadata()["counters"])["images"]


def test_killed_at_random_moments_ends_in_the_same_weights(tmp_path, uninterrupted):
    rng = random.Random(0)
    # It waits in every step, so that it is far from its end when it is killed.
    line = [sys.executable, tiny.__file__, str(tmp_path), str(IMAGES), "--resume", "--step-ms=50"]
    for _ in range(2):
        before = images_in_state(tmp_path)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(line, env={**os.environ, "OMP_NUM_THREADS": "1"}, **quiet)
        wait_until(lambda before=before: images_in_state(tmp_path) > before, process)
        time.sleep(rng.uniform(0, 0.4))
        process.kill()
        process.wait()
    assert images_in_state(tmp_path) < IMAGES
    assert finish(tmp_path, resume=True) == uninterrupted["fp32"]
    lines = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    seen = [line["images"] for line in lines]
    assert seen == sorted(set(seen)), "no part of the run is recorded twice"
    assert seen[-1] == IMAGES


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_writes_its_state_and_resumes(tmp_path, uninterrupted, number):
    steps = []

    def press(*_):
        steps.append(None)
        if len(steps) == 77:  # in the middle of a step: two phases make one
            signal.raise_signal(number)

    hook = register_optimizer_step_post_hook(press)
    with pytest.raises(KeyboardInterrupt):
        finish(tmp_path)
    hook.remove()
    assert 0 < images_in_state(tmp_path) < IMAGES
    assert finish(tmp_path, resume=True) == uninterrupted["fp32"]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_finished_run_goes_on_with_a_larger_budget(tmp_path, uninterrupted, precision):
    finish(tmp_path, IMAGES // 2, precision=precision)
    assert finish(tmp_path, resume=True, precision=precision) == uninterrupted[precision]
