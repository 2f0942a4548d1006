"""Attacks on weights, calibrated by models that know everything or nothing."""

import numpy as np
import pytest
import torch

from brainzoo import EvaluationSets
from brainzoo.api import Reconstruction
from brainzoo.data.packing import packed
from brainzoo.testing.heads import make_images
from brainzoo.training import TorchGenerator
from brainzoo_metrics.measure import joined
from brainzoo_privacy.config import PrivacyConfig
from brainzoo_privacy.evaluator import Privacy
from brainzoo_privacy.measures import membership_draws
from brainzoo_privacy.whitebox import attacks, unexplained


class Mixer(TorchGenerator):
    """Makes mixtures of the images that it holds: what it was trained on, or somebody else's."""

    name = "mixer"
    value_range = (0.0, 1.0)

    def __init__(self, held, label_values=()):
        super().__init__(None)
        self.shape, self.label_values = held.shape[1:], label_values
        self.network = torch.nn.ParameterList([torch.from_numpy(held)]).requires_grad_(False)

    def build(self, shape):
        raise NotImplementedError

    def phases(self, network, images, run):
        raise NotImplementedError

    def draw(self, network, draw):
        shares = (2 * draw.normal(len(network[0]))).softmax(1)
        return torch.einsum("ni,i...->n...", shares, network[0])


class Holder:
    """Holds images, with their label maps as channels if it learned any."""

    def __init__(self, held, label_values=()):
        self.held, self.label_values = held.reshape(len(held), -1), label_values


class Scorer(Holder):
    """Scores images by how far they are from the nearest of those that it holds."""

    def score(self, pixels, *, conditions=None):
        flat = pixels.reshape(len(pixels), -1)
        return np.sqrt(((flat[:, None] - self.held[None]) ** 2).mean(2)).min(1)


class Both(Scorer):
    """Scores by what it holds; how well it reconstructs is chance."""

    def reconstruct(self, pixels):
        chance = np.random.default_rng(len(pixels)).uniform(size=len(pixels))
        return Reconstruction(pixels + chance.reshape(-1, *[1] * (pixels.ndim - 1)))


class Reconstructor(Holder):
    """Reconstructs the nearest image that it holds."""

    def reconstruct(self, pixels):
        flat = pixels.reshape(len(pixels), -1)
        nearest = ((flat[:, None] - self.held[None]) ** 2).mean(2).argmin(1)
        return Reconstruction(self.held[nearest].reshape(pixels.shape))


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """Return images of as many people whom nobody asks about."""
    folder = tmp_path_factory.mktemp("strangers") / "images"
    return make_images(folder, spatial=(32, 32), subjects=120, per_subject=2, seed=99)


def auc_of(attack):
    people = [str(i) for i in range(len(attack.members) + len(attack.others))]
    return membership_draws(attack.members, attack.others, people, seed=0, rounds=20)[0]


@pytest.mark.parametrize("kind", [Mixer, Scorer, Reconstructor])
def test_a_model_that_knows_its_people_is_found_out(kind, train, test):
    [attack] = attacks(kind(train.floats()), train, test, 0)
    assert auc_of(attack) > 0.9


@pytest.mark.parametrize("kind", [Mixer, Scorer, Reconstructor])
def test_a_model_that_knows_neither_kind_of_people_tells_them_not_apart(
    kind, train, test, strangers
):
    [attack] = attacks(kind(strangers.where(split="train").floats()), train, test, 0)
    assert 0.3 < auc_of(attack) < 0.7


@pytest.mark.parametrize("kind", [Mixer, Scorer, Reconstructor])
def test_a_model_with_label_maps_is_found_out_by_images_with_theirs(kind, tmp_path):
    images = make_images(tmp_path / "images", subjects=120, labels=True)
    train, test = images.where(split="train"), images.where(split="test")
    held = packed(train).floats()
    assert held.shape[1] == 1 + 3
    [attack] = attacks(kind(held, [1, 2]), train, joined(test, images.where(split="validation")), 0)
    assert auc_of(attack) > 0.9


def test_what_makes_images_easy_is_taken_out():
    rng = np.random.default_rng(0)
    smooth = rng.normal(size=(400, 1))
    left = unexplained((3 * smooth[:, 0] + rng.normal(size=400)).astype(np.float32), smooth)
    assert abs(np.corrcoef(left, smooth[:, 0])[0, 1]) < 0.05


def test_several_attacks_are_joined(train, test):
    """An attack that knows nothing beside one that knows all: together they still know."""
    score, reconstruction, both = attacks(Both(train.floats()), train, test, 0)
    assert [one.name for one in (score, reconstruction, both)] == [
        "score",
        "reconstruction",
        "joined",
    ]
    assert auc_of(reconstruction) < 0.65
    assert auc_of(both) > 0.8


def test_one_attack_that_tells_is_enough_to_fail(real, train, test, strangers):
    made = strangers.where(split="test")
    made.info |= {"checkpoint_sha256": "ab" * 32}
    sets = EvaluationSets(train, test, made, real.where(split="validation"), Both(train.floats()))
    found = Privacy(PrivacyConfig(rounds=50)).evaluate(sets)
    attacked = found.tables["attacks on the weights"]
    assert attacked[0]["attack"] == "joined"  # whose value stands in the card
    score = next(row["AUC"] for row in attacked if row["attack"] == "score")
    assert found.notes[0].startswith("Failed")
    assert f"white-box membership AUC {score:.3f}" in found.notes[1]


def test_the_worse_of_black_and_white_box_counts(real, train, test, strangers):
    """Samples of strangers show nothing; the weights do."""
    made = strangers.where(split="test")
    made.info |= {"checkpoint_sha256": "ab" * 32}
    leaks = Scorer(train.floats())
    sets = EvaluationSets(train, test, made, real.where(split="validation"), leaks)
    found = Privacy(PrivacyConfig(rounds=50)).evaluate(sets)
    assert found.notes[0].startswith("Failed")
    assert "the weights reveal who was trained on" in found.notes[1]
    assert found.tables["attacks on the weights"][0]["attack"] == "score"
