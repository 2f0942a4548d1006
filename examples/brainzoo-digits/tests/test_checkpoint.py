import brainzoo
import numpy as np
from brainzoo.checkpoint import verify
from brainzoo.preparation.prepare import PrepareConfig, prepare
from brainzoo.zoo.loading import find_checkpoint
from brainzoo.zoo.registry import known

from brainzoo_digits.config import DigitsConfig
from brainzoo_digits.dataset import Digits

NAME = "digits-gan-sevens"


def test_it_is_listed_and_makes_the_samples_of_its_maker():
    entry = known().get(NAME)
    assert entry.plugin == "digits-gan"
    assert entry.size < 300_000
    assert verify(find_checkpoint(NAME)).passed


def test_it_writes_sevens(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path))
    written = brainzoo.load(NAME).images(64, seed=1).mean(axis=0).ravel()
    means = []
    for digit in (7, 0, 1, 4):
        config = PrepareConfig(size=16)
        images = prepare(Digits(DigitsConfig(digit)), config, name="digits", quiet=True)
        means.append(images.where(split="test").floats().mean(axis=0).ravel())
    likeness = [np.corrcoef(written, mean)[0, 1] for mean in means]
    assert likeness[0] > 0.9
    assert likeness[0] > max(likeness[1:]) + 0.1
