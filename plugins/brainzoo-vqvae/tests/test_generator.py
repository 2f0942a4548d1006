import json
from contextlib import suppress

import numpy as np
import pytest

import brainzoo
from brainzoo.checkpoint import load
from brainzoo.common.errors import DataError, IntegrityError, NotFoundError, OptionError
from brainzoo.data.images import Images
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.testing.heads import make_images
from brainzoo.testing.plugin import pressing_ctrl_c, samples
from brainzoo_vqvae.config import VQVAEConfig
from brainzoo_vqvae.generator import VQVAE

pytestmark = pytest.mark.slow

TINY = {
    "widths": (8, 8),
    "residual_layers": 1,
    "codes": 16,
    "code_length": 4,
    "prior_width": 32,
    "prior_layers": 1,
}


def fit(given, folder, *, resume=False, config=None, **train):
    generator = VQVAE(VQVAEConfig(**{**TINY, **(config or {})}))
    settings = {"images": 128, "batch_size": 8, "device": "cpu", "grids": 2, **train}
    generator.fit(given, Run(folder, TrainConfig(**settings), resume))
    return generator


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    made = make_images(tmp_path_factory.mktemp("images") / "made", classes=())
    return made.where(split="train")


@pytest.fixture(scope="module")
def trained(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    config = {"widths": (16, 16), "codes": 32, "code_length": 8, "lr": 3e-3}
    config |= {"prior_lr": 2e-3, "prior_share": 0.35}
    generator = fit(
        images,
        folder,
        config=config,
        images=4000,
        decay=0.3,
        rotate_deg=0.0,
        translate=0.0,
        zoom=0.0,
    )
    generator.save(folder / "checkpoint")
    return generator, folder


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("reads", [5, 14])  # 2 and more for pictures, 16 for steps
def test_resumes_in_either_stage_to_the_same_weights(images, tmp_path, reads, precision):
    whole = fit(images, tmp_path / "whole", precision=precision)
    with suppress(KeyboardInterrupt):
        fit(pressing_ctrl_c(images, reads), tmp_path / "parts", precision=precision)
    line = (tmp_path / "parts" / "stats.jsonl").read_text().splitlines()[-1]
    assert set(json.loads(line)["losses"]) == {"autoencoder" if reads == 5 else "prior"}
    resumed = fit(images, tmp_path / "parts", resume=True, precision=precision)
    for generator, name in ((whole, "a"), (resumed, "b")):
        generator.save(tmp_path / name)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in "ab"]
    assert weights[0] == weights[1]


def test_each_stage_trains_its_own_network(images, tmp_path):
    share = {"prior_share": 0.25}
    fit(images, tmp_path, config=share, decay=0.5)
    lines = [json.loads(text) for text in (tmp_path / "stats.jsonl").read_text().splitlines()]
    stages = [next(iter(line["losses"])) for line in lines]
    assert stages == ["autoencoder"] * 12 + ["prior"] * 4
    assert all(1 <= line["perplexity"] <= 16 for line in lines[:12])


def test_it_learns(trained, images):
    generator, folder = trained
    pixels = images.floats()
    made = generator.reconstruct(pixels).mean
    distances = np.abs(made[:, None] - pixels[None]).mean((2, 3, 4))
    found = (distances.argmin(1) == np.arange(len(pixels))).mean()
    assert found > 0.15, (
        f"{found:.0%} of the reconstructions are nearest to their own; 3% by chance"
    )
    lines = [json.loads(text) for text in (folder / "stats.jsonl").read_text().splitlines()]
    prior = [line["losses"]["prior"] for line in lines if "prior" in line["losses"]]
    assert prior[0] > 2.5
    assert prior[-1] < 0.75 * prior[0]
    made = samples(generator, 16)
    assert np.abs(made.mean(0) - pixels.mean(0)).mean() < 0.1


def test_scores_are_those_of_the_stage(trained, images):
    generator, _ = trained
    nats = generator.validate(generator.network, images)
    logs = generator.log_probabilities(
        generator.encode(images.floats()), conditions=generator.known.rows_of(images.table)
    )
    assert nats == pytest.approx(-logs.mean(), rel=1e-5)
    assert nats < np.log(32), "no better than codes drawn blindly"
    first = generator.build(generator.shape).eval()
    first.autoencoder.load_state_dict(generator.network.autoencoder.state_dict())
    difference = np.abs(generator.reconstruct(images.floats()).mean - images.floats()).mean()
    assert generator.validate(first, images) == pytest.approx(difference, rel=1e-5)


def test_reconstructions_do_not_depend_on_the_batch(trained, images):
    generator, _ = trained
    pixels = images.floats()[:19]
    whole = generator.reconstruct(pixels).mean
    assert whole.shape == pixels.shape
    assert whole.min() >= 0
    assert whole.max() <= 1
    assert np.array_equal(whole[3:5], generator.reconstruct(pixels[3:5], batch_size=1).mean)
    assert np.array_equal(whole, generator.decode(generator.encode(pixels)))


def test_age_and_sex_are_told_and_asked_for(trained):
    generator, _ = trained
    rows = generator.conditions(5, seed=1)
    assert set(rows[0]) == {"age", "sex"}
    assert generator.conditions(2, seed=1, condition={"age": 71})[0]["age"] == 71
    old = samples(generator, 4, condition={"age": 85, "sex": "F"})
    young = samples(generator, 4, condition={"age": 20, "sex": "F"})
    assert not np.array_equal(old, young)
    with pytest.raises(OptionError, match="no sex 'X'"):
        generator.sample(1, seed=0, condition={"sex": "X"})


def test_a_checkpoint_does_all_that_training_did(trained, images):
    generator, folder = trained
    loaded, pixels = load(folder / "checkpoint"), images.floats()[:3]
    assert isinstance(loaded, VQVAE)
    assert np.array_equal(loaded.encode(pixels), generator.encode(pixels))
    assert loaded.conditions(9, seed=3) == generator.conditions(9, seed=3)
    logs = [
        g.log_probabilities(g.encode(pixels), conditions=[{"age": 30}] * 3)
        for g in (loaded, generator)
    ]
    assert np.array_equal(*logs)


@pytest.fixture(scope="module", params=[0, 1])
def halves(request, tmp_path_factory):
    """Return a model of images whose left half is dark and right half bright, and some of them."""
    brightness = np.random.default_rng(request.param).uniform(-0.05, 0.05, (48, 1, 1, 1))
    pixels = np.full((48, 1, 32, 32), 0.1, np.float32)
    pixels[..., 16:] = 0.9
    pixels += brightness.astype(np.float32)
    images = Images(pixels, [{"image_id": f"{i}", "subject": f"{i}"} for i in range(48)], {})
    config = {"lr": 3e-3, "prior_lr": 3e-3, "covariates": ()}
    plain = {"flip": False, "rotate_deg": 0.0, "translate": 0.0, "zoom": 0.0, "ema_images": 200}
    plain |= {"images": 1600, "decay": 0.3, "seed": request.param}
    folder = tmp_path_factory.mktemp("halves")
    return fit(images, folder, config=config, **plain), pixels[:8]


def test_what_is_strange_is_unlikely_and_restored(halves):
    """What is measured lies far from the bounds: -2.5 to -6.9 against -0.6 to -1.2, 0.04 to 0.2."""
    generator, pixels = halves
    strange = pixels.copy()
    strange[:, :, 12:20, 4:12] = 0.9  # the right half's brightness in the left one
    codes = generator.encode(strange)
    logs = generator.log_probabilities(codes)
    assert logs.shape == codes.shape
    assert (logs <= 0).all()
    inside = np.zeros((8, 8), bool)
    inside[3:5, 1:3] = True
    assert logs[:, inside].mean() < logs[:, ~inside].mean() - 1
    restored = generator.restore(strange, seed=0, threshold=-4.0)
    errors = [np.abs(x - pixels)[:, :, 12:20, 4:12].mean() for x in (restored, strange)]
    assert errors[0] < 0.5 * errors[1]
    assert np.array_equal(restored[:3], generator.restore(strange[:3], seed=0, threshold=-4.0))
    same = generator.restore(strange, seed=0, threshold=-np.inf)
    assert np.array_equal(same, generator.reconstruct(strange).mean)


def test_anomaly_scores_are_high_where_something_is_strange(halves):
    generator, pixels = halves
    strange = pixels.copy()
    strange[:, :, 12:20, 4:12] = 0.9
    scores = generator.anomaly_scores(strange)
    assert set(scores) == {"reconstruction error", "restoration", "unlikely codes"}
    inside = np.zeros(pixels.shape, bool)
    inside[:, :, 12:20, 4:12] = True
    for name, score in scores.items():
        assert score.shape == pixels.shape
        assert score[inside].mean() > 2 * score[~inside].mean(), name


def test_anomaly_scores_lie_where_the_pixels_are_in_padded_images(tmp_path):
    given = make_images(tmp_path / "made", spatial=(30, 26), classes=()).where(split="train")
    generator = fit(given, tmp_path / "run", config={"covariates": ()})
    scores = generator.anomaly_scores(given.floats()[:2])["unlikely codes"]
    assert scores.shape == (2, 1, 30, 26)
    # Codes cover 4 pixels; 30 are padded by one on either side, 26 by one as well.
    assert np.array_equal(scores[..., 3:7, :], np.repeat(scores[..., 3:4, :], 4, axis=-2))
    assert np.array_equal(scores[..., :3, :], np.repeat(scores[..., :1, :], 3, axis=-2))


def test_how_codes_are_drawn_can_be_changed_after_training(trained):
    cold = brainzoo.load(trained[1] / "checkpoint", top_k=1)
    wanted = {"age": 40, "sex": "F"}
    first, second = samples(cold, 2, condition=wanted)
    assert np.array_equal(first, second), "the likeliest codes alone leave one image a condition"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": ()}, "expected channels"),
        ({"prior_width": 40}, "multiple of 32"),
        ({"prior_share": 1.0}, "at most 0.99"),
        ({"top_p": 1.5}, "at most 1"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(OptionError, match=message):
        VQVAEConfig(**options)


def test_untrained_and_unfit_input_is_one_clear_line(trained, tmp_path):
    with pytest.raises(NotFoundError, match="not trained yet"):
        VQVAE(VQVAEConfig()).reconstruct(np.zeros((1, 1, 32, 32), np.float32))
    generator, folder = trained
    with pytest.raises(DataError, match=r"\(1, 16, 16\).*\(1, 32, 32\)"):
        generator.reconstruct(np.zeros((1, 1, 16, 16), np.float32))
    with pytest.raises(DataError, match="whole numbers from 0 to 31"):
        generator.decode(np.full((1, 8, 8), 32))
    with pytest.raises(DataError, match="2 images but 1 conditions"):
        generator.log_probabilities(np.zeros((2, 8, 8), np.int64), conditions=[{}])
    with pytest.raises(DataError, match=r"expected \(8, 8\)"):
        generator.decode(np.zeros((1, 4, 4), np.int64))
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in (folder / "checkpoint").iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "conditions": {"rows": 3}}))
    with pytest.raises(IntegrityError, match="conditions are damaged"):
        VQVAE.load(copy)
