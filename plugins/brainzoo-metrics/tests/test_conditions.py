from typing import ClassVar

import numpy as np
import pytest

from brainzoo import EvaluationSets
from brainzoo.data.images import Images
from brainzoo.testing import EvaluatorContract
from brainzoo.testing.heads import make_images
from brainzoo_metrics import cells
from brainzoo_metrics.conditions import Conditions
from brainzoo_metrics.config import ConditionsConfig
from brainzoo_metrics.predicting import Reader

FAST = {"extractor": "random-squeezenet", "layer": "fire3", "pairs": 20}


class TestConditions(EvaluatorContract):
    name = "conditions"
    options: ClassVar = FAST


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return make_images(tmp_path_factory.mktemp("real") / "images", subjects=80)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good") / "images"
    return make_images(folder, subjects=40, seed=1, synthetic=True)


def judged(real, synthetic):
    sets = EvaluationSets(real.where(split="train"), real.where(split="test"), synthetic)
    found = Conditions(ConditionsConfig(**FAST)).evaluate(sets)
    return found, {value.name: value for value in found.metrics}


def changed(images, change, pixels=None):
    rows = [change(i, dict(row)) for i, row in enumerate(images.table)]
    return Images(images.read() if pixels is None else pixels, rows, images.info)


def test_images_that_show_their_age_are_read_as_people_are(real, good):
    found, values = judged(real, good)
    assert values["age error"].value == pytest.approx(values["age error"].floor, abs=6)
    assert values["age slope"].value > 0.6
    assert values["class read"].value > 0.9
    assert found.pictures["age"].startswith(b"<svg")
    assert "30–39" in found.pictures["age"].decode()  # and not a scale from 0, which nobody is
    assert found.pictures["age by sex"]


def test_ages_and_classes_that_mean_nothing_are_found_out(real, good):
    rng = np.random.default_rng(0)
    ages = rng.permutation([row["age"] for row in good.table])
    dealt = changed(good, lambda i, row: row | {"age": ages[i], "class": ("young", "old")[i % 2]})
    _, values = judged(real, dealt)
    assert values["age slope"].value < 0.3
    assert values["age error"].value > values["age error"].floor + 6
    assert values["class read"].value < 0.7


def test_a_condition_that_is_one_brain_is_named(real, good):
    same = np.repeat(good.floats(np.array([0])), len(good), 0)
    found, values = judged(real, changed(good, lambda i, row: row, same))
    name = "correlation within conditions"
    assert values[name].low > values[name].floor
    assert any("more alike than real people" in note for note in found.notes)


def test_a_feature_that_is_silent_in_people_reads_no_age():
    rng = np.random.default_rng(0)
    ages = rng.uniform(20, 80, 200)
    features = np.stack([ages + rng.normal(0, 1, 200), np.where(ages > 79, 1e-6, 0)], 1)
    reader = Reader(features.astype(np.float32), ages, [str(i) for i in range(200)])
    found = reader(np.array([[30, 1], [70, 1]], np.float32))
    np.testing.assert_allclose(found, [30, 70], atol=8)


def test_what_nobody_asked_for_is_missing(real, good):
    old = changed(good, lambda i, row: row | {"age": 70.0, "class": "old"})
    notes = list(cells.balance(real.where(split="train"), old, ["age"]))
    assert any(note.startswith("Without any synthetic image:") for note in notes)


def test_where_only_a_class_is_said_its_age_is_read(real, good):
    _, values = judged(real, changed(good, lambda i, row: row | {"age": None, "sex": None}))
    assert values["age of old"].value > values["age of young"].value + 10
    assert values["age of old"].floor > values["age of young"].floor + 10


def test_images_that_say_nothing_are_left_alone(real, good):
    told_nothing = changed(good, lambda i, row: {"image_id": row["image_id"]})
    found, values = judged(real, told_nothing)
    assert not values
    assert "say no age, sex or class" in found.notes[0]
