"""What a training would take, against what it takes."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from brainzoo.images import Images
from brainzoo.run import Run, TrainConfig
from brainzoo.training import Phase, fit
from brainzoo.training.estimate import Estimated, speed, without_memory

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


def estimated(size, *, repeats=12, **train):
    """Estimate a stack of convolutions at some size."""

    def train_on_nothing():
        network = nn.Sequential(*[nn.Conv2d(16, 16, 3, 1, 1) for _ in range(repeats)])

        def loss(pixels, classes, step):
            return network(pixels.expand(-1, 16, -1, -1)).square().mean(), {}

        adam = torch.optim.Adam(network.parameters(), fused=True)
        phases = [Phase("first", network, adam, loss)]
        settings = {"images": 100, "precision": "fp32", "device": "cpu", **train}
        run = Run(Path("/nowhere"), TrainConfig(**settings), estimate=True)
        fit(phases, images(size), run, averaged=network, sample=lambda n: np.zeros(0))

    with without_memory(), pytest.raises(Estimated) as told:
        train_on_nothing()
    return told.value.estimate


def test_parameters_and_arithmetic_are_exact():
    found = estimated(64, repeats=2)
    weights = 2 * (16 * 16 * 9 + 16)
    assert found["parameters"] == {"first": weights}
    # Forward, and backward to the weights of both and the input of the second.
    assert found["arithmetic_gflop"]["first"] == pytest.approx(
        5 * 2 * 16 * 16 * 9 * 64 * 64 / 1e9, rel=0.01
    )
    assert found["shares"] == {"first": 1.0}


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the peak is read from /proc")
def test_memory_is_what_a_real_step_holds():
    line = [sys.executable, "-c", STEP]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert estimated(128, batch_size=40)["step_mb"] == pytest.approx(float(done.stdout), rel=0.3)


def test_volumes_that_fit_nowhere_can_be_asked_about():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = estimated(16384, batch_size=16)
    assert found["step_mb"] > 1_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_smaller_parts_need_less():
    whole, parts = (estimated(128, accumulate=n)["step_mb"] for n in (1, 4))
    assert parts == pytest.approx(whole / 4, rel=0.1)


def test_the_machine_has_a_speed():
    assert 0.1 < speed("cpu", "fp32", 2) < 1e6
