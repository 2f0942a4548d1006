import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load, save
from torch.optim.optimizer import register_optimizer_step_post_hook

import brainzoo
from brainzoo.common.errors import BrainzooError, IntegrityError, OptionError
from brainzoo.common.files import sha256
from brainzoo.plugin.options import make_config
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.testing.heads import make_images
from brainzoo_pggan.config import PGGANConfig
from brainzoo_pggan.generator import ProgressiveGAN
from brainzoo_pggan.networks import TICKS, Growth

pytestmark = pytest.mark.slow

TINY = {"base_channels": 16, "narrow_from": 4, "latent": 8}


def train(folder, images, resume=False, options=None, budget=160, **settings):
    settings = {"images": budget, "batch_size": 8, "device": "cpu", "grids": 2, **settings}
    generator = ProgressiveGAN(PGGANConfig(**{**TINY, **(options or {})}))
    generator.fit(images, Run(folder, TrainConfig(**settings), resume=resume))
    return generator


def lines(folder):
    return [json.loads(text) for text in (folder / "stats.jsonl").read_text().splitlines()]


def first(generator, n=4, **arguments):
    return np.concatenate(list(generator.sample(n, seed=3, **arguments)))


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads") / "images"
    return make_images(folder, spatial=(32, 32), classes=()).where(split="train")


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes") / "images"
    return make_images(folder, spatial=(16, 16)).where(split="train")


@pytest.fixture(scope="module")
def trained(heads, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    generator = train(folder, heads)
    generator.save(folder / "checkpoint")
    return generator, folder


def test_a_run_grows_through_every_stage(trained):
    logged = lines(trained[1])
    assert [line["resolution"] for line in logged] == sorted(line["resolution"] for line in logged)
    assert {line["resolution"] for line in logged} == {4, 8, 16, 32}
    assert logged[-1]["alpha"] == 1
    assert min(line["alpha"] for line in logged) < 1
    assert all({"drift", "certain", "d_real", "d_fake"} <= line.keys() for line in logged)
    assert any("penalty" in line for line in logged)
    # Looked at with each grid; between the first and the last there are as many as time allows.
    grids = [path for path in (trained[1] / "progress").glob("*.png") if path.stem.isdigit()]
    looked = [line for line in logged if {"likeness", "likeness_real"} <= line.keys()]
    assert looked or len(grids) <= 2


def level_in_state(folder):
    if not (folder / "state" / "state.safetensors").exists():
        return 0
    with safe_open(folder / "state" / "state.safetensors", framework="np") as file:
        return int(file.get_tensor("network/generator/level"))


class Killed(Exception):
    pass


@pytest.mark.parametrize("loss", ["r1", "rpgan", "wgan-gp"])
def test_killed_in_the_middle_of_a_fade_ends_in_the_same_weights(two_classes, tmp_path, loss):
    folder = tmp_path / "parts"
    options = {"batch_sizes": (12, 8), "loss": loss}

    def kill(*_):
        level = level_in_state(folder)
        if level > TICKS and level % TICKS:
            raise Killed

    hook = register_optimizer_step_post_hook(kill)
    with pytest.raises(Killed):
        train(folder, two_classes, options=options, budget=800, save_minutes=0.0)
    hook.remove()
    grown = Growth.at(level_in_state(folder))
    assert grown.stage == 2
    assert 0 < grown.alpha < 1, "it was to be killed in the middle of a fade"
    for name, resume in (("parts", True), ("whole", False)):
        generator = train(tmp_path / name, two_classes, resume, options, budget=800)
        generator.save(tmp_path / name / "checkpoint")
    weights = [tmp_path / n / "checkpoint" / "model.safetensors" for n in ("whole", "parts")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_one_convolution_a_stage_grows_and_comes_back_from_its_checkpoint(heads, tmp_path):
    generator = train(tmp_path, heads, options={"convolutions": 1})
    assert {line["resolution"] for line in lines(tmp_path)} == {4, 8, 16, 32}
    generator.save(tmp_path / "checkpoint")
    assert np.array_equal(first(brainzoo.load(tmp_path / "checkpoint")), first(generator))
    path = tmp_path / "checkpoint" / "config.json"
    config = json.loads(path.read_text())
    config["hyperparameters"]["convolutions"] = 2
    path.write_text(json.dumps(config))
    with pytest.raises(IntegrityError, match="missing"):
        brainzoo.load(tmp_path / "checkpoint")


def test_a_larger_budget_goes_on_at_full_size(heads, tmp_path):
    train(tmp_path, heads)
    train(tmp_path, heads, resume=True, budget=320)
    later = [line for line in lines(tmp_path) if line["images"] > 160]
    assert {line["resolution"] for line in later} == {32}
    assert {line["alpha"] for line in later} == {1}


def stopped_in_a_fade(heads, folder):
    """Return a generator whose growth ended in the middle of a fade, saved and loaded."""
    generator = train(folder, heads)
    generator.network.level.fill_(Growth(2, 0.25).level)
    generator.finish(generator.network, heads, None)
    generator.save(folder / "checkpoint")
    return generator


def test_a_checkpoint_remembers_stage_and_fade(heads, tmp_path):
    generator = stopped_in_a_fade(heads, tmp_path)
    config = json.loads((tmp_path / "checkpoint" / "config.json").read_text())
    assert config["growth"] == {"stage": 2, "alpha": 0.25, "resolution": 16}
    loaded = brainzoo.load(tmp_path / "checkpoint")
    assert np.array_equal(first(loaded), first(generator))
    pixels = first(loaded)
    assert pixels.shape == (4, 1, 32, 32), "samples are as large as the training images"
    assert np.array_equal(pixels[..., ::2, ::2], pixels[..., 1::2, 1::2]), "of 16 × 16 pixels"


@pytest.mark.parametrize("level", [0, Growth(1).level, Growth(3).level, -5, 5 * TICKS])
def test_a_checkpoint_that_lost_its_stage_is_refused(heads, tmp_path, level):
    stopped_in_a_fade(heads, tmp_path)
    folder = tmp_path / "checkpoint"
    weights = load((folder / "model.safetensors").read_bytes())
    weights["level"] = np.array(level)
    (folder / "model.safetensors").write_bytes(save(weights))
    config = json.loads((folder / "config.json").read_text())
    config["weights"]["sha256"] = sha256(folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(IntegrityError, match="states growth"):
        brainzoo.load(folder)


def test_a_checkpoint_of_another_size_is_refused(trained, tmp_path):
    generator, _ = trained
    generator.save(tmp_path / "checkpoint")
    path = tmp_path / "checkpoint" / "config.json"
    for spatial, message in (([16, 16], "unknown"), ([64, 64], "missing"), ([24, 24], "power of")):
        config = json.loads(path.read_text())
        config["images"]["spatial"] = spatial
        path.write_text(json.dumps(config))
        with pytest.raises(BrainzooError, match=message):
            ProgressiveGAN.load(path.parent)


@pytest.mark.parametrize("spatial", [(24, 24), (4, 4), (32, 16), (12, 12, 12)])
def test_sizes_that_doubling_cannot_reach(tmp_path, spatial):
    images = make_images(tmp_path / "images", spatial=spatial).where(split="train")
    with pytest.raises(OptionError, match=r"power of two.*--size 32, 64, 128 or 256"):
        train(tmp_path / "run", images)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ({}, {"batch_size": 1}),
        ({}, {"batch_size": 8, "accumulate": 8}),
        ({"batch_sizes": (16, 8, 1)}, {}),
    ],
)
def test_a_batch_of_one_with_minibatch_statistics(heads, tmp_path, options, settings):
    with pytest.raises(OptionError, match=r"need two images at once, found 1\. Raise --batch-size"):
        train(tmp_path / "run", heads, options=options, **settings)
    assert not (tmp_path / "run").exists()


def test_a_batch_of_one_at_a_stage_that_is_never_trained(two_classes, tmp_path):
    options = {"batch_sizes": (1, 4), "grow_from": 8}
    assert first(train(tmp_path, two_classes, options=options, budget=8)).any()


def test_a_batch_of_one_without_them_trains(two_classes, tmp_path):
    options = {"minibatch_stddev": False}
    assert first(train(tmp_path, two_classes, options=options, budget=6, batch_size=1)).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"condition_from": 12}, "resolution of a stage"),
        ({"narrow_from": 20}, "resolution of a stage"),
        ({"diffaugment": ("colour",)}, "'colour' is not one of brightness, translation, cutout"),
        ({"batch_sizes": (16, 0)}, "batch_sizes holds 0"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(OptionError, match=message):
        make_config(PGGANConfig, options)


def test_interpolation_goes_from_one_sample_to_another(trained):
    generator, _ = trained
    way = generator.interpolate(5, seed=3, first=0, second=2)
    ends = first(generator)[[0, 2]]
    assert way.shape == (5, 1, 32, 32)
    assert np.allclose(way[[0, -1]], ends, atol=1e-4)
    steps = np.abs(np.diff(way, axis=0)).mean(axis=(1, 2, 3))
    assert steps.max() < np.abs(ends[0] - ends[1]).mean(), "no step is as long as the way"
    other = brainzoo.load(trained[1] / "checkpoint", truncation=0.5)
    assert np.allclose(
        other.interpolate(2, seed=3, first=0, second=2),
        np.concatenate(list(other.sample(4, seed=3)))[[0, 2]],
        atol=1e-4,
    )
    for steps, second in ((1, 1), (5, 0)):
        with pytest.raises(OptionError):
            generator.interpolate(steps, seed=3, first=0, second=second)


def test_flipped_labels_turn_the_discriminator_s_loss(heads, tmp_path):
    """Flipped at every step, the critic learns to put fakes above reals."""
    options = {"loss": "wgan-gp", "grow": 0.0, "latent_distribution": "uniform", "covariates": ()}
    drifts = []
    for every in (0, 1):
        folder = tmp_path / str(every)
        train(folder, heads, options={**options, "flip_every": every}, budget=240)
        drifts.append(np.mean([line["drift"] for line in lines(folder)[-10:]]))
    assert drifts[0] > 0 > drifts[1]


def test_presets_can_be_made():
    from brainzoo.plugin.manager import plugins
    from brainzoo.runs.settings import resolve

    for preset in ("quick", "default", "volumes", "paper", "karras2018"):
        settings = resolve(plugins(), "pggan", "ixi", {}, preset=preset)
        assert isinstance(settings.generator.config, PGGANConfig)
    assert settings.generator.config.batch_size(6, 0) == 14


def test_the_preset_paper_is_what_alam_et_al_tell():
    from brainzoo.plugin.manager import plugins
    from brainzoo.runs.settings import resolve

    settings = resolve(plugins(), "pggan", "ixi", {}, preset="paper")
    config, train = settings.generator.config, settings.train
    steps = train.images // train.batch_size
    assert (settings.prepare.size, train.batch_size, steps) == (256, 4, 20_000)
    assert (config.loss, config.lr, config.flip_every) == ("wgan-gp", 2e-4, 3)
    assert (config.latent_distribution, config.condition_from) == ("uniform", 64)


def test_a_student_learns_classes_from_samples_that_are_of_nobody(two_classes, tmp_path):
    lessons = make_images(tmp_path / "lessons", spatial=(16, 16), synthetic=True)
    lessons.info |= {"generator": {"name": "flow"}, "checkpoint_sha256": "0" * 64}
    generator = ProgressiveGAN(PGGANConfig(**TINY))
    settings = TrainConfig(images=32, batch_size=8, device="cpu", grids=1)
    generator.fit(two_classes, Run(tmp_path / "run", settings, lessons=lessons))
    assert not np.allclose(*(first(generator, condition={"class": c}) for c in ("young", "old")))
