import numpy as np
import pytest

from brainzoo import EvaluationSets
from brainzoo.data.images import Images
from brainzoo.testing import EvaluatorContract
from brainzoo.testing.heads import make_images
from brainzoo_gantrain import segtrain
from brainzoo_gantrain.config import SegTrainConfig
from brainzoo_gantrain.segtrain import SegTrain, averaged, dice
from brainzoo_gantrain.unet import labelled, learn


class TestSegTrain(EvaluatorContract):
    name = "segtrain"
    options = {"steps": 10, "width": 4}  # noqa: RUF012


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return make_images(tmp_path_factory.mktemp("real") / "images", subjects=40, labels=True)


def judged(real, synthetic):
    sets = EvaluationSets(real.where(split="train"), real.where(split="test"), synthetic)
    found = SegTrain(SegTrainConfig(steps=80)).evaluate(sets)
    return found, {value.name: value for value in found.metrics}


def test_good_pairs_teach_and_wrong_labels_do_not(real, tmp_path):
    good = make_images(tmp_path / "good", subjects=20, seed=1, synthetic=True, labels=True)
    found, values = judged(real, good)
    assert values["Dice"].value > 0.8
    assert values["Dice"].floor == values["Dice, real"].value > 0.8
    assert values["Dice, real"].low <= values["Dice, real"].value <= values["Dice, real"].high
    assert {row["label"] for row in found.tables["segtrain"]} == {"dark", "bright"}
    turned = Images(good.read(), good.table, good.info, labels=good.labels()[:, ::-1, ::-1] * 0 + 1)
    assert judged(real, turned)[1]["Dice"].value < 0.6


def test_images_without_label_maps_are_left_out(real):
    found, values = judged(real, real.without_labels().where(split="train"))
    assert not values
    assert "synthetic images have no label maps" in found.notes[0]


def test_dice_is_of_all_slices_of_a_person():
    truth = np.zeros((3, 2, 2), bool)
    found = truth.copy()
    truth[0], found[0, 0] = True, True  # 4 and 2 pixels, 2 in common
    truth[1, 0, 0] = found[1, 0, 0] = True
    values = dice(found, truth, np.array([0, 0, 1]))
    assert values[0] == pytest.approx(2 * 3 / (5 + 3))
    assert np.isnan(values[1])


def test_a_rare_label_as_dark_as_the_background_is_learned():
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:32, :32]
    labels = np.zeros((24, 32, 32), np.int64)
    for one, (row, column) in zip(labels, rng.uniform(14, 18, (24, 2)), strict=True):
        away = np.hypot(rows - row, columns - column)
        one[away < 11] = 2
        one[away < 2.2] = 1
    assert (labels == 1).mean() < 0.015
    pixels = np.where(labels == 2, 0.8, 0.1) + rng.normal(0, 0.05, labels.shape)
    pixels = pixels[:, None].astype(np.float32)
    network = learn(pixels, labels, 3, width=8, steps=100, seed=0, advance=lambda count: None)
    found = labelled(network, pixels)
    assert dice(found == 1, labels == 1, np.zeros(24, np.intp))[0] > 0.8


def test_it_says_when_real_pairs_teach_nothing(real, monkeypatch):
    monkeypatch.setattr(
        segtrain,
        "labelled",
        lambda network, pixels: np.zeros((len(pixels), *pixels.shape[2:]), np.int64),
    )
    sets = EvaluationSets(real.where(split="train"), real.where(split="test"), real)
    found = SegTrain(SegTrainConfig(steps=10, width=4)).evaluate(sets)
    assert "Not even real pairs" in found.notes[0]


def test_draws_of_people_without_the_label_say_nothing_of_it():
    found = averaged(np.array([0.8, np.nan, 0.6]), np.array([[1.0, 1, 1], [0, 3, 0], [2, 1, 0]]))
    assert found == pytest.approx([0.7, np.nan, 0.8], nan_ok=True)
