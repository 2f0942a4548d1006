import json

import numpy as np
import pytest
import torch

from brainzoo.common.errors import DataError, IntegrityError, NotFoundError, OptionError
from brainzoo.data.images import Images
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.testing.heads import make_images
from brainzoo_vae.config import VAEConfig
from brainzoo_vae.generator import VAE
from brainzoo_vae.losses import log_likelihood


def trained(folder, spatial=(32, 32), budget=16, images=None, train=None, **options):
    if images is None:
        images = make_images(folder / "images", spatial=spatial).where(split="train")
    generator = VAE(VAEConfig(**{"base_channels": 8, "latent": 8, **options}))
    common = {"batch_size": 8, "device": "cpu", "grids": 1, "ema_images": 100, **(train or {})}
    generator.fit(images, Run(folder / "run", TrainConfig(images=budget, **common)))
    return generator, images


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """Trained long enough to know heads and how ventricles grow with age."""
    folder = tmp_path_factory.mktemp("learned")
    images = make_images(folder / "images", subjects=60, classes=()).where(split="train")
    # Tiny networks are faster in float32; larger batches in either.
    faster = {"batch_size": 16, "precision": "fp32"}
    return trained(folder, images=images, budget=4000, train=faster, lr=3e-3)


@pytest.fixture(scope="module")
def rough(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("rough"))


def rows_of(images):
    return [{name: row[name] for name in ("age", "sex")} for row in images.table]


def ventricles(pixels):
    """Dark pixels in the middle of each head."""
    return (pixels[:, 0, 10:22, 10:22] < 0.35).mean((1, 2))


def test_reconstructs_the_head_that_it_is_shown(learned):
    generator, images = learned
    pixels = images.floats()
    made = generator.reconstruct(pixels).mean
    error = ((made - pixels) ** 2).mean()
    assert error < 0.6 * ((pixels - pixels.mean(0)) ** 2).mean(), "no better than the mean head"
    others = ((made - np.roll(pixels, 7, 0)) ** 2).mean()
    assert error < 0.7 * others, "as near to other heads as to its own"


def test_the_learned_deviation_is_that_of_the_reconstructions(learned):
    generator, images = learned
    pixels = images.floats()
    found = generator.reconstruct(pixels, conditions=rows_of(images))
    assert found.std is not None
    actual = np.sqrt(((found.mean - pixels) ** 2).mean())
    assert 0.5 < found.std.mean() / actual < 2


def test_ventricles_grow_along_the_walk_and_in_samples(learned):
    generator, images = learned
    walk = generator.traverse("age", [25.0, 50.0, 75.0], n=16, seed=0)
    assert walk.shape == (16, 3, 1, 32, 32)
    grown = np.diff([ventricles(walk[:, i]).mean() for i in range(3)])
    assert (grown > 0).all(), f"dark areas change by {grown}"
    real = generator.traverse(
        "age", [25.0, 75.0], pixels=images.floats(), conditions=rows_of(images)
    )
    assert ventricles(real[:, 1]).mean() > ventricles(real[:, 0]).mean()
    drawn = np.concatenate(list(generator.sample(64, seed=4)))
    ages = [row["age"] for row in generator.conditions(64, seed=4)]
    assert np.corrcoef(ages, ventricles(drawn))[0, 1] > 0.3


def test_samples_resemble_the_heads(learned):
    generator, images = learned
    drawn = np.concatenate(list(generator.sample(64, seed=0)))
    pixels = images.floats()
    assert np.abs(drawn.mean(0) - pixels.mean(0)).mean() < 0.05
    assert drawn.std(0).mean() > 0.3 * pixels.std(0).mean(), "all samples are alike"


def test_images_that_are_mostly_black_are_learned_too(tmp_path):
    """Skull-stripped heads, and label maps: 9 of 10 pixels are black, in a few channels more."""
    like = make_images(tmp_path / "images", spatial=(32, 32), subjects=64, classes=())
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32]
    pixels = np.zeros((64, 2, 32, 32), np.float32)
    for image in pixels:
        top, left = rng.uniform(12, 20, 2)
        disc = (y - top) ** 2 + (x - left) ** 2 < rng.uniform(4, 7) ** 2
        image[0][disc] = rng.uniform(0.5, 1)
        image[1][disc & (y < top)] = 1
    images = Images(pixels, like.table[:64], {**like.info, "channels": ["T1w", "FLAIR"]})
    common = {"batch_size": 16, "precision": "fp32"}
    generator, _ = trained(
        tmp_path, images=images, budget=1600, train=common, base_channels=16, latent=64
    )
    error = ((generator.reconstruct(pixels).mean - pixels) ** 2).mean()
    assert error < 0.8 * pixels.var(0).mean(), "no better than the mean image"
    drawn = np.concatenate(list(generator.sample(64, seed=0)))
    assert drawn.std(0).mean() > 0.3 * pixels.std(0).mean(), "all samples are alike"
    assert np.allclose(drawn.mean((0, 2, 3)), pixels.mean((0, 2, 3)), atol=0.03)


def test_the_score_is_a_bound_that_prefers_heads(learned):
    generator, images = learned
    shuffled = images.floats()[..., ::-1, :].copy()
    rows = [{**row, "sex": "unheard of"} for row in images.table]
    found = generator.validate(generator.network, images)
    assert found == generator.validate(generator.network, images)
    assert found < generator.validate(generator.network, Images(shuffled, rows, images.info))


def test_what_does_not_belong_is_improbable(learned):
    generator, images = learned
    pixels = images.floats()[:8]
    strange = pixels.copy()
    strange[:, :, 8:12, 12:16] = 1.0
    before = generator.log_probability(pixels, draws=4)
    after = generator.log_probability(strange, draws=4)
    assert after.mean() < before.mean()
    inside = (before - after)[:, :, 8:12, 12:16].mean()
    assert inside > 5 * (before - after).mean(), "the place is found, not only the image"


def test_anomaly_scores_tell_the_same_as_their_methods(rough):
    generator, images = rough
    pixels, rows = images.floats()[:3], images.table[:3]
    scores = generator.anomaly_scores(pixels, seed=2, conditions=rows)
    names = ["reconstruction error", "reconstruction probability", "combined score"]
    assert list(scores) == names
    probability = generator.log_probability(pixels, seed=2, conditions=rows)
    assert np.array_equal(scores[names[1]], -probability)
    gradient = generator.divergence_gradient(pixels, conditions=rows)
    assert np.array_equal(scores[names[2]], scores[names[0]] * gradient)


def test_log_probability_averages_the_likelihood_over_latents(rough):
    generator, images = rough
    pixels = images.floats()[:3]
    mean, std = generator.encode(pixels)
    rng = np.random.default_rng(0)
    expected = []
    for _ in range(60):
        latent = mean + std * rng.standard_normal(mean.shape).astype(np.float32)
        made = torch.from_numpy(generator.decode(latent, conditions=None))
        log_std = torch.log(torch.from_numpy(generator.reconstruct(pixels).std))
        expected.append(log_likelihood(torch.from_numpy(pixels), made, log_std).numpy())
    found = generator.log_probability(pixels, draws=60)
    assert found.shape == pixels.shape
    assert np.abs(found - np.mean(expected, 0)).mean() < 0.1
    assert np.array_equal(found, generator.log_probability(pixels, draws=60))


def test_results_of_an_image_do_not_depend_on_the_others(rough):
    generator, images = rough
    pixels = images.floats()[:11]
    for ask in (
        lambda some: generator.reconstruct(some).mean,
        lambda some: generator.encode(some)[0],
        lambda some: generator.divergence_gradient(some),
    ):
        whole = ask(pixels)
        assert len(whole) == 11
        assert np.array_equal(whole[9:], ask(pixels[9:]))
    few = generator.reconstruct(pixels, batch_size=2).mean
    assert np.array_equal(few, generator.reconstruct(pixels).mean)
    assert generator.reconstruct(pixels[:0]).mean.shape == (0, 1, 32, 32)


def test_divergence_gradient_is_that_of_finite_differences(rough):
    generator, images = rough
    pixels = images.floats()[:1]

    def divergence(values):
        mean, std = generator.encode(values)
        return 0.5 * (mean**2 + std**2 - 1 - 2 * np.log(std)).sum()

    gradient = generator.divergence_gradient(pixels)
    place = np.unravel_index(gradient.argmax(), gradient.shape)
    moved = np.zeros_like(pixels)
    moved[place] = 0.01
    slope = (divergence(pixels + moved) - divergence(pixels - moved)) / 0.02
    assert abs(slope) == pytest.approx(gradient[place], rel=0.05)


def test_classes_and_covariates_are_drawn_together(rough):
    generator, _ = rough
    rows = generator.conditions(50, seed=0, condition={"class": "old"})
    assert min(row["age"] for row in rows) >= 60
    assert {row["sex"] for row in rows} == {"F", "M"}
    assert generator.conditions(2, seed=0, condition={"age": 71, "sex": "F"})[0]["age"] == 71


def test_conditions_reach_the_image(rough):
    generator, _ = rough
    latent = np.zeros((2, 8), np.float32)
    young, old = generator.decode(latent, conditions=[{"age": 20}, {"age": 80}])
    assert not np.array_equal(young, old)


@pytest.mark.parametrize(
    ("options", "spatial"),
    [
        ({"variant": "cevae", "variance": "pixelwise"}, (32, 32)),
        ({"variant": "compact", "loss": ("spectral",)}, (16, 16, 16)),
        ({"prior": "normal", "covariates": ()}, (32, 32)),
    ],
)
def test_variants_train_and_come_back_from_their_checkpoint(tmp_path, options, spatial):
    generator, images = trained(tmp_path, spatial, **options)
    generator.save(tmp_path / "checkpoint")
    loaded = VAE.load(tmp_path / "checkpoint")
    pixels = images.floats()[:3]
    for one, other in (
        (generator.divergence_gradient(pixels), loaded.divergence_gradient(pixels)),
        (generator.reconstruct(pixels).std, loaded.reconstruct(pixels).std),
        (next(generator.sample(3, seed=1)), next(loaded.sample(3, seed=1))),
    ):
        assert np.array_equal(one, other)
    assert loaded.reconstruct(pixels).std.shape == pixels.shape


def test_perceptual_loss_trains_and_its_weights_file_is_not_published(tmp_path):
    from safetensors.torch import save_file

    from brainzoo_metrics.feature_weights import import_torchvision

    network = import_torchvision().models.squeezenet1_1(weights=None)
    weights = tmp_path / "weights.safetensors"
    save_file({n: v for n, v in network.state_dict().items() if n.startswith("features")}, weights)
    generator, _ = trained(tmp_path, loss=("perceptual",), features_weights=weights)
    lines = (tmp_path / "run" / "stats.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["perceptual"] > 0
    generator.save(tmp_path / "checkpoint")
    assert "weights.safetensors" not in (tmp_path / "checkpoint" / "config.json").read_text()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda g: g.reconstruct(np.zeros((2, 1, 16, 16), np.float32)), DataError, "trained on"),
        (lambda g: g.decode(np.zeros((2, 3), np.float32)), DataError, r"expected \(image, 8\)"),
        (lambda g: g.traverse("weight", [1]), OptionError, "not conditioned on 'weight'"),
        (lambda g: g.traverse("sex", ["X"]), OptionError, "no sex 'X'"),
        (
            lambda g: g.encode(np.zeros((2, 1, 32, 32), np.float32), conditions=[{}]),
            DataError,
            "2 images but 1 conditions",
        ),
    ],
)
def test_requests_that_make_no_sense(rough, call, error, message):
    with pytest.raises(error, match=message):
        call(rough[0])


def test_an_untrained_model_says_so(tmp_path):
    generator = VAE(VAEConfig())
    for call in (
        lambda: next(generator.sample(1, seed=0)),
        lambda: generator.reconstruct(np.zeros((1, 1, 32, 32), np.float32)),
        lambda: generator.save(tmp_path / "checkpoint"),
    ):
        with pytest.raises(NotFoundError, match="not trained yet"):
            call()


@pytest.mark.parametrize("key", ["conditions", "prior"])
def test_damaged_checkpoints_are_refused(rough, tmp_path, key):
    rough[0].save(tmp_path / "checkpoint")
    path = tmp_path / "checkpoint" / "config.json"
    config = json.loads(path.read_text())
    config[key] = {"components": -1}
    path.write_text(json.dumps(config))
    with pytest.raises(IntegrityError):
        VAE.load(tmp_path / "checkpoint")
