import numpy as np
import pytest
from brainzoo.common.errors import OptionError
from brainzoo.plugin.options import make_config
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.preparation.prepare import PrepareConfig, prepare
from brainzoo.testing import make_images

from brainzoo_digits.config import DigitsConfig, DigitsGANConfig
from brainzoo_digits.dataset import Digits
from brainzoo_digits.generator import DigitsGAN


@pytest.fixture
def sevens(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))
    return prepare(Digits(DigitsConfig()), PrepareConfig(size=8), name="digits", quiet=True)


def test_all_sevens_come_as_scikit_learn_has_them(sevens):
    from sklearn.datasets import load_digits

    digits = load_digits()
    expected = digits.images[digits.target == 7] / 16
    order = np.argsort(sevens.column("subject"))
    assert len(sevens) == 179
    assert np.allclose(sevens.floats()[order, 0], expected, atol=1 / 255)


def test_there_are_only_ten_digits():
    with pytest.raises(OptionError, match="10 .*9"):
        make_config(DigitsConfig, {"digit": 10})


def test_learns_where_the_ink_is(sevens, tmp_path):
    gan = DigitsGAN(DigitsGANConfig(base_channels=32))
    train = TrainConfig(images=4_000, batch_size=8, flip=False, ema_images=500, device="cpu")
    gan.fit(sevens.where(split="train"), Run(tmp_path / "run", train))
    written = np.concatenate(list(gan.sample(64, seed=0))).mean(axis=0).ravel()
    real = sevens.where(split="test").floats().mean(axis=0).ravel()
    assert np.corrcoef(written, real)[0, 1] > 0.9


@pytest.mark.parametrize("spatial", [(10, 10), (8, 8, 8)])
def test_shapes_that_it_cannot_make_are_refused(spatial, tmp_path):
    images = make_images(tmp_path / "images", spatial=spatial, subjects=5)
    with pytest.raises(OptionError, match="multiples of 4"):
        DigitsGAN(DigitsGANConfig()).fit(images, Run(tmp_path / "run", TrainConfig(images=8)))
