import json
import signal

import numpy as np
import pytest
import torch
from PIL import Image
from training import tiny

from brainzoo.common.errors import DataError, DiskError, IntegrityError, OptionError
from brainzoo.data.images import Images
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.training import Phase, fit, loop
from brainzoo.training.ema import EMA
from brainzoo.training.monitor import PATIENCE, Monitor
from brainzoo.training.state import FILE, pack_state, unpack_state


def test_a_run_leaves_statistics_grids_and_state(tmp_path):
    tiny.train(tmp_path, images=800)
    lines = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert lines[-1]["images"] == 800
    assert lines[-1]["step"] == 100
    assert set(lines[-1]["losses"]) == {"judge", "maker"}
    assert 0 < lines[-1]["d_fake"] < 1
    assert lines[-1]["images_per_second"] > 0
    assert lines[-1]["memory_mb"] > 10
    pictures = sorted(path.stem for path in (tmp_path / "progress").glob("*.png"))
    assert pictures[0] == "000000000"
    assert "real" in pictures
    assert pictures[-2] == "000000800"
    assert len(pictures) == 5  # noise, two in between, the end, real ones
    noise, end = (np.asarray(Image.open(tmp_path / "progress" / f"{p}.png")) for p in pictures[::3])
    assert noise.shape == end.shape
    assert (noise != end).mean() > 0.1, "the grid shows no learning"


def test_a_budget_in_minutes_ends_in_time(tmp_path):
    tiny.train(tmp_path, minutes=0.02)
    lines = (tmp_path / "stats.jsonl").read_text().splitlines()
    assert 1.1 < json.loads(lines[-1])["seconds"] < 10


def test_learning_rates_fall_at_the_end_and_resuming_knows_where(tmp_path, monkeypatch):
    rates = []
    original = torch.optim.Adam.step

    def step(self, *args, **kwargs):
        rates.append(self.param_groups[0]["lr"])
        if len(rates) == 150 and interrupt:
            signal.raise_signal(signal.SIGINT)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    interrupt = False
    whole = tiny.train(tmp_path / "whole", images=800, decay=0.5)
    assert rates[:100] == [1e-3] * 100
    assert rates[150] == pytest.approx(0.5e-3, rel=0.03)
    assert rates[-1] < 0.03e-3
    rates.clear()
    interrupt = True
    with pytest.raises(KeyboardInterrupt):
        tiny.train(tmp_path / "parts", images=800, decay=0.5)
    interrupt = False
    parts = tiny.train(tmp_path / "parts", resume=True, images=800, decay=0.5)
    assert tiny.digest(parts) == tiny.digest(whole)


def test_the_average_follows_faster_while_there_is_little_behind_it():
    network = torch.nn.Linear(2, 2)
    ema = EMA(network, half_life=10_000)
    start = network.weight.detach().clone()
    with torch.no_grad():
        network.weight += 1
    ema.update(10, images=100)  # a tenth of what was seen: half of the way in one step
    assert torch.allclose(ema.network.weight, start + 0.5)


def test_a_run_that_diverged_stops_at_once(tmp_path):
    with pytest.raises(DataError, match=r"diverged: after \d+ images.*--precision fp32"):
        tiny.train(tmp_path, images=100_000, lr=1e38)
    for stats in tmp_path.glob("stats.jsonl"):
        for line in stats.read_text().splitlines():
            json.loads(line, parse_constant=pytest.fail)


def test_training_leaves_the_global_random_state_alone(tmp_path):
    before = torch.get_rng_state()
    tiny.train(tmp_path, images=16)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_a_killed_save_left_behind_is_removed(tmp_path):
    left = tmp_path / "state" / f".{FILE}.12345678.part"
    left.parent.mkdir()
    left.write_bytes(b"half")
    tiny.train(tmp_path, images=16)
    assert not left.exists()


def test_no_budget_is_one_clear_line(tmp_path):
    with pytest.raises(OptionError, match=r"no budget is set.*--images"):
        tiny.train(tmp_path)


def test_accumulating_gives_the_update_of_the_whole_batch(tmp_path):
    def trained(accumulate):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 64))

        def loss(pixels, classes, step):
            return ((network(pixels) - pixels.flatten(1)) ** 2).mean(), {}

        optimizer = torch.optim.SGD(network.parameters(), 0.1)
        train = TrainConfig(
            images=160, batch_size=8, accumulate=accumulate, device="cpu", precision="fp32"
        )
        run = Run(tmp_path / str(accumulate), train)
        fit(
            [Phase("network", network, optimizer, loss)],
            tiny.images(),
            run,
            network=network,
            sample=lambda averaged: np.zeros((64, 1, 8, 8), np.float32),
        )
        return network[1].weight.detach()

    start = torch.nn.Linear(64, 64)
    whole, parts = trained(1), trained(4)
    assert torch.allclose(whole, parts, atol=1e-6)
    assert not torch.allclose(whole, start.weight, atol=1e-3)
    with pytest.raises(OptionError, match="cannot be split into 3"):
        TrainConfig(images=1, batch_size=8, accumulate=3)


def test_the_other_networks_are_frozen_in_each_phase(tmp_path, monkeypatch):
    seen = []
    original = torch.optim.Adam.step

    def step(self, *args, **kwargs):
        parameters = self.param_groups[0]["params"]
        seen.append((len(parameters), all(p.grad is not None for p in parameters)))
        return original(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    tiny.train(tmp_path, images=8)
    assert all(has_gradients for _, has_gradients in seen)
    assert len(seen) == 2


def test_a_full_disk_keeps_the_last_state(tmp_path, monkeypatch):
    tiny.train(tmp_path, images=80)
    before = (tmp_path / "state" / FILE).read_bytes()

    def full(path, content):
        raise DiskError(f"the disk is full: {path} could not be written.")

    monkeypatch.setattr("brainzoo.training.loop.write_bytes", full)
    with pytest.raises(DiskError, match="disk is full"):
        tiny.train(tmp_path, resume=True, images=160)
    assert (tmp_path / "state" / FILE).read_bytes() == before


def test_a_corrupt_or_foreign_state_is_refused(tmp_path):
    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(network.parameters())
    content = pack_state({"n": network.state_dict()}, {"n": optimizer}, {"images": 5})
    other = torch.nn.Linear(4, 2)
    own = {"n": torch.optim.Adam(other.parameters())}
    with pytest.raises(IntegrityError, match="another model or size"):
        unpack_state(content, {"n": other.state_dict()}, own, tmp_path / FILE)
    for damaged in (content[: len(content) // 2], b"", b"\x80\x04" + content, content[:-1]):
        with pytest.raises(IntegrityError, match="corrupt"):
            unpack_state(damaged, {"n": network.state_dict()}, {"n": optimizer}, tmp_path / FILE)


def test_the_average_follows_parameters_and_buffers():
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    ema = EMA(network, half_life=100)
    start = network[0].weight.detach().clone()
    with torch.no_grad():
        network[0].weight += 1
        network[1].running_mean += 4
        network[1].num_batches_tracked += 3
    ema.update(100, images=10_000)  # a half-life: halfway there
    assert torch.allclose(ema.network[0].weight, start + 0.5)
    assert torch.allclose(ema.network[1].running_mean, torch.full((2,), 2.0))
    assert int(ema.network[1].num_batches_tracked) == 3


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ({"d_real": 0.99, "d_fake": 0.01}, "almost perfectly"),
        ({"d_real": 0.5, "d_fake": 0.5}, "no longer separates"),
        ({"d_real": 0.7, "d_fake": 0.3, "certain": 0.2}, ""),
        ({"drift": 5.0, "certain": 1.0}, "almost perfectly"),
        ({"drift": 5.0, "certain": 0.5}, ""),
    ],
)
def test_one_side_winning_is_warned_of(tmp_path, capsys, losses, expected):
    monitor = Monitor(tmp_path / "stats.jsonl", 0, 0.0, main=True)
    with monitor.bar:
        for step in range(1, 2 * PATIENCE):
            figures = {name: torch.tensor(value) for name, value in losses.items()}
            monitor.step(figures, step, step * 8, step / (2 * PATIENCE))
    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(warnings) == bool(expected)
    assert not expected or expected in warnings[0]


def test_nothing_to_train_on(tmp_path):
    empty = tiny.images()[:0]
    assert isinstance(empty, Images)
    with pytest.raises(DataError, match="no images to train on"):
        loop.Feed(empty, 0)
    assert Run(tmp_path, TrainConfig(images=1)).state == tmp_path / "state"
