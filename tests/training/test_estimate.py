"""What a training would take, against what it takes."""

import dataclasses
import itertools
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from brainzoo.data.images import Images
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.training import Phase, fit
from brainzoo.training.estimate import Estimated, Stage, estimate, without_memory
from brainzoo.training.timing import Timed, budget, timed

STEP = """
import re, torch
from pathlib import Path
# Not getrusage: a new process inherits the peak of the one that started it.
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
torch.set_num_threads(1)
network = torch.nn.Sequential(*[torch.nn.Conv2d(16, 16, 3, 1, 1) for _ in range(12)])
network(torch.zeros(1, 16, 8, 8)).sum().backward()
before = peak()
network.zero_grad()
network(torch.zeros(40, 16, 128, 128)).square().mean().backward()
print((peak() - before) / 1024)
"""


def images(size):
    pixels = np.broadcast_to(np.zeros((), np.uint16), (8, 1, size, size))
    table = [{"image_id": f"{i}", "subject": f"{i}", "class": None} for i in range(8)]
    return Images(pixels, table, {})


def asked(ask, size, *, repeats=12, lazy=1, grow=None, second=None, **train):
    """Ask about a stack of convolutions at some size."""

    def phase(name, start, end):
        network = nn.Sequential(*[nn.Conv2d(16, 16, 3, 1, 1) for _ in range(repeats)])

        def loss(pixels, classes, step):
            half = grow is not None and step.progress < grow
            seen = network[: repeats // 2] if half else network
            made = seen(pixels.expand(-1, 16, -1, -1)).square().mean()
            if step.number % lazy == 0:
                made = made + network(pixels.expand(-1, 16, -1, -1)).square().mean()
            return made, {}

        adam = torch.optim.Adam(network.parameters(), fused=True)
        return Phase(name, network, adam, loss, start, end)

    settings = {"images": 100, "precision": "fp32", "device": "cpu", **train}
    run = Run(Path("/nowhere"), TrainConfig(**settings), estimate=ask)
    bounds = [0.0, 1.0] if second is None else [0.0, second, 1.0]
    phases = [phase(f"phase {i}", *pair) for i, pair in enumerate(itertools.pairwise(bounds))]
    with pytest.raises(Estimated) as told:
        fit(phases, images(size), run, network=phases[0].network, sample=lambda n: np.zeros(4))
    return told.value.estimate


def estimated(size, **options):
    """Estimate in shapes only."""
    with without_memory():
        return asked(estimate, size, **options)


def test_parameters_and_arithmetic_are_exact():
    found = estimated(64, repeats=2, lazy=1000)
    weights = 2 * (16 * 16 * 9 + 16)
    assert found["parameters"] == {"phase 0": weights}
    assert found["optimizers"] == 2 * 4 * weights
    # Forward, and backward to the weights of both and the input of the second.
    assert found["stages"][0].gflop == pytest.approx(5 * 2 * 16 * 16 * 9 * 64 * 64 / 1e9, rel=0.01)


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the peak is read from /proc")
def test_memory_is_what_a_real_step_holds():
    line = [sys.executable, "-c", STEP]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    found = estimated(128, batch_size=40, lazy=1000)["step"] / 1e6
    assert found == pytest.approx(2 * float(done.stdout), rel=0.3)  # the first step does it twice


def test_volumes_that_fit_nowhere_can_be_asked_about():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = estimated(16384, batch_size=16)
    assert found["step"] > 1e12
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_smaller_parts_need_less():
    whole, parts = (estimated(128, accumulate=n)["step"] for n in (1, 4))
    assert parts == pytest.approx(whole / 4, rel=0.1)


def test_steps_that_are_alike_are_one_stage():
    (stage,) = estimated(16)["stages"]
    assert stage == Stage(0.0, 1.0, ("phase 0",), 16, ((0, 1.0),), stage.gflop)


def test_what_only_some_steps_do_is_found():
    (stage,) = estimated(16, repeats=2, lazy=4)["stages"]
    assert stage.kinds == ((0, 0.25), (1, 0.75))


def test_growing_networks_and_phases_are_stages():
    small, large = estimated(16, repeats=2, grow=0.25)["stages"]
    assert (small.start, small.end, large.end) == (0.0, 0.25, 1.0)
    assert small.gflop < large.gflop
    first, second = estimated(16, repeats=2, second=0.75)["stages"]
    assert (first.phases, second.phases) == (("phase 0",), ("phase 1",))
    assert (first.end, second.start) == (0.75, 0.75)


def test_real_steps_are_timed(monkeypatch):
    monkeypatch.setattr("brainzoo.training.timing.SECONDS", 0.0)
    stages = estimated(16, grow=0.5, lazy=4)["stages"]
    ask = lambda told: {"all": timed(told, stages, lambda more: None)}  # noqa: E731
    found, peak = asked(ask, 16, grow=0.5, lazy=4)["all"]
    assert [sorted(of.steps) for of in found] == [[0, 1], [0, 1]]
    assert all(len(seconds) >= 3 for of in found for seconds in of.steps.values())
    assert all(of.rate > 0 and of.pictured == 4 for of in found)
    assert peak > 1e6


def test_a_budget_is_spent_on_stages_and_grids():
    def stage(start, end, seconds, grid):
        kinds = ((0, 0.5), (1, 0.5))
        made = Stage(start, end, ("a",), 10, kinds, 1.0)
        return Timed(made, {0: [seconds, 2.0 * seconds], 1: [0.5 * seconds]}, grid, 64)

    found = [stage(0.0, 0.25, 1.0, 0.0), stage(0.25, 1.0, 2.0, 3.0)]
    assert [of.rate for of in found] == [10.0, 5.0]
    config = TrainConfig(images=1000, grids=20)
    # 250 images at 10/s, 750 at 5/s; 5 grids of 0 s, 14 of 3 s, and the last one.
    assert budget(config, found) == (1000, pytest.approx(25 + 150 + 42 + 3))
    minutes = dataclasses.replace(config, images=None, minutes=4.0)
    # A quarter of 240 s at 10/s; of the other 180 s 42 go to grids.
    seen, seconds = budget(minutes, found)
    assert seen == pytest.approx(600 + 138 * 5, abs=20)
    assert seconds == pytest.approx(240 + 3, abs=2)
    assert budget(dataclasses.replace(config, minutes=4.0), found)[0] == 1000
    assert budget(dataclasses.replace(config, minutes=2.0), found)[0] < 1000


def test_grids_that_take_longer_than_their_share_are_left_out():
    stage = Stage(0.0, 1.0, ("a",), 10, ((0, 1.0),), 1.0)
    found = [Timed(stage, {0: [1.0]}, grid=5.0, pictured=64)]
    seen, seconds = budget(TrainConfig(minutes=1.0, grids=60), found)
    # A grid after every step; one before and one after.
    assert seen == 10 * 10
    assert seconds == pytest.approx(60 + 5, abs=6)
