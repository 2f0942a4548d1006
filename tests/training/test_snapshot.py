"""Training keeps the weights that fit validation images best."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.training import Phase, fit, seeded
from brainzoo.training.distance import membership, sliced_wasserstein

from . import tiny


class Pressed(Exception):
    pass


def train(folder, *, resume=False, stop_at=None, two_stages=False, **options):
    """Train a number towards 1; validation images are at 0.5, so the best is on the way."""
    images = tiny.images()
    looks = []

    with seeded(0):
        network = nn.ModuleDict({"first": nn.Linear(1, 1), "second": nn.Linear(1, 1)})
    for part in network.values():
        nn.init.zeros_(part.weight)

    def loss(name):
        def towards_one(pixels, classes, step):
            if stop_at is not None and step.number == stop_at:
                raise Pressed
            return (network[name].weight - 1).square().sum() + step.normal(1).sum() * 0, {}

        return towards_one

    def score(average, some):
        name = "second" if two_stages and float(average["second"].weight) else "first"
        looks.append(len(some))
        return abs(float(average[name].weight.detach()) - 0.5)

    def phase(name, **when):
        optimizer = torch.optim.SGD(network[name].parameters(), 0.01)
        return Phase(name, network[name], optimizer, loss(name), **when)

    phases = [phase("first")]
    if two_stages:
        phases = [phase("first", end=0.5), phase("second", start=0.5)]
    settings = {"batch_size": 8, "ema_images": 0, "device": "cpu", "grids": 20, **options}
    run = Run(folder, TrainConfig(**settings), resume, validation=images[:10])
    trained = fit(
        phases,
        images[10:],
        run,
        network=network,
        sample=lambda average: np.zeros((64, 1, 8, 8), np.float32),
        score=score,
        watch=lambda average, training, validation: {"membership": len(training) / len(validation)},
    )
    assert set(looks) <= {10, 30}
    return {name: float(part.weight.detach()) for name, part in trained.items()}


def lines(folder):
    return [json.loads(text) for text in (folder / "stats.jsonl").read_text().splitlines()]


def test_a_model_that_overfits_comes_back_as_it_was_before(tmp_path):
    assert train(tmp_path / "best", images=1600)["first"] == pytest.approx(0.5, abs=0.1)
    assert train(tmp_path / "last", images=1600, snapshot="last")["first"] > 0.95
    scores = [line["validation"] for line in lines(tmp_path / "best") if "validation" in line]
    assert len(scores) == 20
    assert [line["membership"] for line in lines(tmp_path / "best") if "membership" in line] == [
        3.0
    ] * 20
    assert min(scores) < scores[-1]


@pytest.mark.parametrize("two_stages", [False, True])
def test_a_run_that_was_killed_ends_in_the_same_weights(tmp_path, two_stages):
    whole = train(tmp_path / "whole", images=1600, two_stages=two_stages)
    for at in (100,) if two_stages else (60, 199):
        with pytest.raises(Pressed):
            train(
                tmp_path / f"{at}",
                images=1600,
                two_stages=two_stages,
                stop_at=at,
                save_minutes=0.0,
            )
        parts = train(tmp_path / f"{at}", resume=True, images=1600, two_stages=two_stages)
        assert parts == whole


def test_a_stage_that_ends_goes_on_as_its_best(tmp_path):
    trained = train(tmp_path, images=3200, two_stages=True)
    assert trained["first"] == pytest.approx(0.5, abs=0.1)
    assert trained["second"] == pytest.approx(0.5, abs=0.1)


def test_patience_ends_early(tmp_path):
    train(tmp_path, images=1600, patience=3)
    assert lines(tmp_path)[-1]["images"] < 1000
    resumed = train(tmp_path, images=1600, patience=3, resume=True)
    assert resumed["first"] == pytest.approx(0.5, abs=0.1)


def test_the_distance_sees_blur_and_noise():
    rng = torch.Generator().manual_seed(0)
    first, second = torch.rand(2, 64, 1, 32, 32, generator=rng)
    blurred = torch.nn.functional.avg_pool2d(second, 3, 1, 1)
    same = sliced_wasserstein(first, second)
    assert sliced_wasserstein(first, first) == 0
    assert same < 0.2 * sliced_wasserstein(first, blurred)
    volumes = torch.rand(8, 2, 16, 16, 16, generator=rng)
    assert sliced_wasserstein(volumes, volumes + 0.1) > 0.02


def test_membership_sees_copies_and_nothing_where_there_are_none():
    rng = torch.Generator().manual_seed(0)
    seen, unseen, made = torch.rand(3, 64, 1, 40, 40, generator=rng)
    assert membership(seen, unseen, seen + 0.01 * made) == 1
    assert 0.35 < membership(seen, unseen, made) < 0.65
