"""The batch size may be a function of how much of the budget is spent."""

import json
import signal

import pytest
import torch
from training import tiny

from brainzoo.common.errors import OptionError
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.training import Phase, fit


def halved(progress):
    return 8 if progress < 0.5 else 4


def train(folder, *, resume=False, stop_at=0, batch_size=halved, **options):
    """Train a network to copy; return its average and how many images each step had."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 64))
    sizes = []

    def loss(pixels, classes, step):
        sizes.append(len(pixels))
        if len(sizes) == stop_at:
            signal.raise_signal(signal.SIGINT)
        noise = step.normal(len(pixels), 64)
        return ((network(pixels + noise.view(pixels.shape)) - pixels.flatten(1)) ** 2).mean(), {}

    def sample(network):
        return torch.zeros(64, 1, 8, 8).numpy()

    adam = torch.optim.Adam(network.parameters(), 1e-2, fused=True)
    settings = {"images": 160, "device": "cpu", "grids": 1, "ema_images": 50, **options}
    average = fit(
        [Phase("copier", network, adam, loss)],
        tiny.images(),
        Run(folder, TrainConfig(**settings), resume),
        network=network,
        sample=sample,
        batch_size=batch_size,
    )
    return average, sizes


def test_steps_have_the_size_of_their_part_of_the_budget(tmp_path):
    _, sizes = train(tmp_path)
    assert sizes == [8] * 10 + [4] * 20
    lines = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert [line["images"] for line in lines] == [*range(8, 81, 8), *range(84, 161, 4)]


@pytest.mark.parametrize("stop_at", [4, 10, 17])
def test_an_interrupted_run_ends_in_the_same_weights(tmp_path, stop_at):
    whole, sizes = train(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", stop_at=stop_at)
    parts, rest = train(tmp_path / "parts", resume=True)
    assert rest == sizes[stop_at:]
    assert tiny.digest(parts) == tiny.digest(whole)


def test_a_size_that_the_parts_cannot_share(tmp_path):
    with pytest.raises(
        OptionError, match=r"batch of 4 images cannot be split into 8 parts.*--batch-size 8"
    ):
        train(tmp_path, batch_size=lambda progress: 4, accumulate=8)
