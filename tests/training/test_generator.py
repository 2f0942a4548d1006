"""TorchGenerator, and what a phase may ask for."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from brainzoo.common.errors import DataError, IntegrityError, NotFoundError, OptionError
from brainzoo.data.packing import packed
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.testing import make_images
from brainzoo.training import Phase, TorchGenerator, fit
from brainzoo_dcgan.config import DCGANConfig
from brainzoo_dcgan.generator import DCGAN

from . import tiny


@dataclasses.dataclass(frozen=True)
class Config:
    covariates: tuple[str, ...] = ("age", "sex")


class Painter(TorchGenerator):
    """A convolution of noise, scaled by the condition; its first stage is never trained."""

    name = "painter"

    def build(self, shape):
        last = nn.Conv2d(shape[0] + self.known.width, shape[0], 3, padding=1)
        return nn.ModuleDict({"first": nn.Conv2d(shape[0], shape[0], 1), "last": last})

    def phases(self, network, images, run):
        def loss(pixels, conditions, step):
            assert conditions.shape == (len(pixels), self.known.width)
            noise = step.normal(*pixels.shape)
            return (self.paint(network, noise, conditions) - pixels).square().mean(), {}

        optimizer = torch.optim.SGD(network["last"].parameters(), 0.01)
        return [Phase("paint", network["last"], optimizer, loss)]

    def paint(self, network, noise, conditions):
        planes = conditions[:, :, None, None].expand(-1, -1, *noise.shape[2:])
        return network["last"](torch.cat([network["first"](noise), planes], 1))

    def draw(self, network, draw):
        return self.paint(network, draw.normal(*self.shape), draw.conditions).clamp(-1, 1)


@pytest.fixture(scope="module")
def painter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("painter")
    images = make_images(folder / "images", spatial=(16, 16), subjects=20)
    generator = Painter(Config())
    train = TrainConfig(images=160, batch_size=8, grids=2, device="cpu", precision="fp32")
    validation = images.where(split="validation")
    generator.fit(images.where(split="train"), Run(folder / "run", train, validation=validation))
    return generator


def test_sample_grids_show_no_label_maps(tmp_path):
    heads = make_images(tmp_path / "images", spatial=(16, 16), subjects=10, labels=True)
    train = TrainConfig(images=16, batch_size=8, grids=1, device="cpu", precision="fp32")
    generator = Painter(Config())
    generator.fit(packed(heads.where(split="train")), Run(tmp_path / "run", train))
    assert generator.shape[0] > 1
    for path in (tmp_path / "run" / "progress").glob("*.png"):
        with Image.open(path) as picture:
            assert picture.width < 8 * 2 * 64, path.name  # 64 pixels an image, of one channel


def test_a_checkpoint_keeps_how_many_samples_are_computed_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(DCGAN, "pixels_at_once", 12 * 32 * 32)
    images = make_images(tmp_path / "images", spatial=(32, 32), subjects=8)
    trained = DCGAN(DCGANConfig(base_channels=16))
    trained.fit(images, Run(tmp_path / "run", TrainConfig(images=8, batch_size=8, grids=1)))
    trained.save(tmp_path / "made")
    monkeypatch.setattr(DCGAN, "pixels_at_once", 0)  # another version, with another idea
    assert DCGAN.load(tmp_path / "made").sample_chunk == 12
    config = tmp_path / "made/config.json"
    stored = json.loads(config.read_text())
    config.write_text(json.dumps({**stored, "chunk": 10**6}))
    with pytest.raises(IntegrityError):
        DCGAN.load(tmp_path / "made")
    del stored["chunk"]  # as checkpoints were
    config.write_text(json.dumps(stored))
    assert DCGAN.load(tmp_path / "made").sample_chunk == 8


def test_knows_class_and_covariates(painter):
    assert painter.known.names == ["class", "age", "sex"]
    young, old = (
        np.concatenate(list(painter.sample(4, seed=0, condition={"class": name, "age": 40})))
        for name in ("young", "old")
    )
    assert not np.array_equal(young, old)
    drawn = painter.conditions(5, seed=0, condition={"sex": "F"})
    assert [row["sex"] for row in drawn] == ["F"] * 5
    with pytest.raises(OptionError):
        painter.sample(1, seed=0, condition={"site": "nowhere"})


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda pixels: 255 * (pixels / 2 + 0.5), "to 255"),
        (lambda pixels: pixels * 1.5, "from -1.5"),
        (lambda pixels: pixels * np.nan, "nan"),
    ],
)
def test_values_beyond_the_range_are_an_error_before_training_begins(tmp_path, change, found):
    class Careless(Painter):
        def draw(self, network, draw):
            pixels = super().draw(network, draw)
            pixels[0, 0, 0, :2] = torch.tensor([-1, 1])
            return change(pixels)

    images = make_images(tmp_path / "images", spatial=(16, 16), subjects=10)
    train = TrainConfig(images=160, batch_size=8, grids=2, device="cpu")
    with pytest.raises(DataError, match=f"{found}.*expected -1 to 1"):
        Careless(Config()).fit(images, Run(tmp_path / "run", train))
    assert (
        not (tmp_path / "run" / "stats.jsonl").exists()
        or not (tmp_path / "run" / "stats.jsonl").read_text()
    )


def test_another_range_of_values_is_stated(painter):
    class Grey(Painter):
        value_range = (0.0, 255.0)

        def draw(self, network, draw):
            return (super().draw(network, draw) / 2 + 0.5) * 255

    grey = Grey(painter.config)
    grey.network, grey.known, grey.shape = painter.network, painter.known, painter.shape
    assert np.allclose(grey.images(3), painter.images(3), atol=1e-6)


def test_what_no_phase_trains_stays_as_it_is(painter):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        untrained = painter.build(painter.shape)
    first, last = painter.network["first"], painter.network["last"]
    assert torch.equal(first.weight, untrained["first"].weight)
    assert not torch.equal(last.weight, untrained["last"].weight)


def test_weights_are_as_a_checkpoint_holds_them(tmp_path):
    trained = tiny.train(tmp_path, images=16)
    assert all(parameter.is_contiguous() for parameter in trained.parameters())


def test_an_untrained_generator_says_so():
    with pytest.raises(NotFoundError):
        Painter(Config()).sample(1, seed=0)


def train(folder, **phase):
    """Train a number with gradients of 10, and return its values after each step."""
    network, values = nn.Linear(1, 1, bias=False), []
    nn.init.zeros_(network.weight)

    def loss(pixels, classes, step):
        values.append(float(network.weight.detach()))
        return 10 * network.weight.sum(), {}

    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    average = fit(
        [Phase("number", network, optimizer, loss, **phase)],
        tiny.images(),
        Run(folder, TrainConfig(images=48, batch_size=8, device="cpu", grids=1)),
        network=network,
        sample=lambda average: np.zeros((64, 1, 8, 8), np.float32),
    )
    return np.diff(values), float(average.weight.detach()), float(network.weight.detach())


def test_learning_rates_rise_over_the_warm_up(tmp_path):
    moves, _, _ = train(tmp_path, warm_up=4)
    assert moves == pytest.approx([-0.25, -0.5, -0.75, -1, -1], abs=1e-5)


def test_long_gradients_are_shortened(tmp_path):
    moves, _, _ = train(tmp_path, clip=2.0)
    assert moves == pytest.approx([-0.2] * 5, abs=1e-3)


def test_a_phase_may_go_without_averaging(tmp_path):
    _, averaged, live = train(tmp_path / "averaged")
    assert abs(averaged) < abs(live)
    _, averaged, live = train(tmp_path / "live", averaged=False)
    assert averaged == live


def test_grids_take_no_more_than_their_share_and_no_training_time(tmp_path):
    from time import sleep

    network, pictures = nn.Linear(1, 1), []

    def loss(pixels, classes, step):
        sleep(0.002)
        return network.weight.square().sum(), {}

    def slow(average):
        sleep(0.5)
        pictures.append(average)
        return np.zeros((64, 1, 8, 8), np.float32)

    steps = []
    phase = Phase("number", network, torch.optim.SGD(network.parameters(), 0.1), loss)
    fit(
        [phase],
        tiny.images(),
        Run(tmp_path, TrainConfig(minutes=0.03, batch_size=8, device="cpu", grids=10)),
        network=network,
        sample=slow,
        batch_size=lambda progress: steps.append(progress) or 8,
    )
    assert len(pictures) <= 4  # from noise, of the end, and what a tenth of 1.8 s allows
    assert max(np.diff(steps)) < 0.25  # no step was charged for a picture
