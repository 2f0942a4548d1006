"""What every evaluator must do, and what this one finds, with models that do something known."""

from typing import ClassVar

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from brainzoo import EvaluationSets, Generator, Images, Reconstructs
from brainzoo.common.errors import OptionError
from brainzoo.plugin.capabilities import Reconstruction as Result
from brainzoo.testing import EvaluatorContract
from brainzoo.testing.heads import make_head, make_images
from brainzoo_vae.aging import fluid
from brainzoo_vae.config import ReconstructionConfig
from brainzoo_vae.evaluator import Reconstruction, psnr, ssim


class Blurring(Generator, Reconstructs):
    """Reconstructs by blurring, and draws heads of the age asked for."""

    def __init__(self, blur=1.0, knows_age=True):
        super().__init__(None)
        self.blur, self.knows_age = blur, knows_age

    def reconstruct(self, pixels, *, batch_size=64):
        return Result(gaussian_filter(pixels, (0, 0, self.blur, self.blur)))

    def fit(self, images, run): ...

    def sample(self, n, *, seed, condition=None, batch_size=64):
        age = (condition or {}).get("age", 40.0)
        yield np.stack([make_head((32, 32), age=age, seed=i)[None] for i in range(n)])

    def conditions(self, n, *, seed, condition=None):
        return [{"age": 40.0} if self.knows_age else {}] * n

    def save(self, folder): ...

    @classmethod
    def load(cls, folder): ...


class TestReconstruction(EvaluatorContract):
    name = "reconstruction"
    options: ClassVar = {}

    @classmethod
    def generator(cls, images):
        return Blurring()


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    real = make_images(folder / "real", subjects=40)
    synthetic = make_images(folder / "synthetic", subjects=10, synthetic=True)
    return {
        "train": real.where(split="train"),
        "test": real.where(split="test"),
        "synthetic": synthetic,
    }


def evaluate(sets, generator):
    return Reconstruction(ReconstructionConfig()).evaluate(
        EvaluationSets(**sets, generator=generator)
    )


def test_less_blur_is_better_and_the_mean_image_is_the_measure(sets):
    values = []
    for blur in (0.3, 2.0):
        found = evaluate(sets, Blurring(blur))
        figures = found.metrics[:2]
        values.append([figure.value for figure in figures])
        for figure in figures:
            assert figure.low < figure.value < figure.high
            assert "mean training image" in figure.detail
    assert [f.name for f in figures] == ["reconstruction PSNR", "reconstruction SSIM"]
    assert (np.array(values[0]) > values[1]).all()


def test_the_walk_shows_fluid_that_grows_with_age(sets):
    found = evaluate(sets, Blurring())
    shares = [row["walk, %"] for row in found.tables["fluid along age"]]
    assert len(shares) == 6
    assert (np.diff(shares) > 0).all()
    assert set(found.pictures) == {"reconstructions", "age"}


def test_growth_of_fluid_in_samples_stands_beside_that_in_people(sets, tmp_path):
    growth = evaluate(sets, Blurring()).metrics[2]
    assert growth.name == "fluid, growth in ten years"
    assert growth.low < growth.value < growth.high
    assert growth.value > 0
    assert growth.floor > 0
    assert "test subjects" in growth.detail


def test_a_model_with_label_maps_reconstructs_images_with_theirs(tmp_path):
    class OfLabelMaps(Blurring):
        label_values = (1, 2)

        def reconstruct(self, pixels, *, batch_size=64):
            assert pixels.shape[1] == 1 + 3
            return super().reconstruct(pixels)

    real = make_images(tmp_path / "real", subjects=20, labels=True)
    sets = {name: real.where(split=name) for name in ("train", "test")}
    both = [
        evaluate({**sets, "synthetic": sets["test"]}, model)
        for model in (Blurring(), OfLabelMaps())
    ]
    assert both[0].metrics == both[1].metrics
    assert both[0].pictures == both[1].pictures


@pytest.mark.parametrize("row", [{"age": 40.0}, {}])
def test_no_growth_is_told_where_ages_are_one_or_not_known(sets, tmp_path, row):
    info = sets["synthetic"].info
    with Images.write(tmp_path / "same", (32, 32), info, 1) as writer:
        writer.append(sets["synthetic"].floats(), [row] * len(sets["synthetic"]))
    found = evaluate({**sets, "synthetic": Images.open(tmp_path / "same")}, Blurring())
    assert len(found.metrics) == 2


def test_models_that_do_not_know_age_have_no_walk(sets):
    found = evaluate(sets, Blurring(knows_age=False))
    assert set(found.pictures) == {"reconstructions"}


@pytest.mark.parametrize("generator", [None, object()])
def test_models_that_do_not_reconstruct_are_refused(sets, generator):
    with pytest.raises(OptionError, match="needs a model that reconstructs"):
        evaluate(sets, generator)


def test_psnr_of_a_known_error():
    real = np.zeros((2, 1, 8, 8), np.float32)
    made = np.stack([real[0] + 0.1, real[1] + 0.01])
    assert np.allclose(psnr(real, made), [20, 40], atol=1e-4)


@pytest.mark.parametrize("spatial", [(32, 32), (16, 16, 16)])
def test_ssim_is_one_for_equal_images_and_falls_with_noise(spatial):
    real = make_head(spatial)[None, None]
    noise = np.random.default_rng(0).standard_normal(real.shape).astype(np.float32)
    scores = [ssim(real, real + level * noise)[0] for level in (0, 0.02, 0.2)]
    assert scores[0] == pytest.approx(1)
    assert scores[0] > scores[1] > scores[2]
    flat = np.full_like(real, 0.5)
    assert ssim(flat, flat + 0.1)[0] == pytest.approx((2 * 0.3 + 1e-4) / (0.25 + 0.36 + 1e-4))


def test_fluid_grows_with_the_ventricles():
    heads = np.stack([make_head((32, 32), age=age, seed=3)[None] for age in (20, 50, 80)])
    shares = fluid(heads)
    assert (np.diff(shares) > 1).all()
