"""What every evaluator must do, and what this one finds with models that do something known."""

from typing import ClassVar

import numpy as np
import pytest
from scipy.ndimage import median_filter

from brainzoo import EvaluationSets, Generator, Reconstructs
from brainzoo.api import seen_by
from brainzoo.common.errors import DataError, OptionError
from brainzoo.plugin.capabilities import Reconstruction
from brainzoo.testing import EvaluatorContract
from brainzoo.testing.heads import make_images
from brainzoo_anomaly.config import AnomalyConfig
from brainzoo_anomaly.evaluator import Anomaly

QUICK = {"per_subject": 1, "rounds": 40, "components": 8, "smoothing_pixels": 0.0}


class Fake(Generator, Reconstructs):
    """Reconstructs by a median filter, which small lesions do not survive."""

    def __init__(self):
        super().__init__(None)

    def reconstruct(self, pixels, *, batch_size=64):
        return Reconstruction(median_filter(pixels, (1, 1, *[5] * (pixels.ndim - 2))))

    def fit(self, images, run): ...

    def sample(self, n, *, seed, condition=None, batch_size=64): ...

    def save(self, folder): ...

    @classmethod
    def load(cls, folder): ...


class Knowing(Fake):
    """Has seen the healthy images, and so knows every lesion."""

    def __init__(self, images):
        super().__init__()
        self.healthy = images.floats()

    def anomaly_scores(self, pixels, *, seed=0, conditions=None):
        away = [
            np.abs(self.healthy - image).reshape(len(self.healthy), -1).sum(1) for image in pixels
        ]
        own = self.healthy[[int(a.argmin()) for a in away]]
        return {"knowledge": (np.abs(pixels - own) > 1e-6).astype(np.float32)}


class OfLabelMaps(Knowing):
    """Learned the label maps of the healthy images beside their pixels."""

    label_values = (1, 2)

    def __init__(self, images):
        Fake.__init__(self)
        self.healthy = seen_by(self, images).floats()


class Guessing(Fake):
    """Answers at random."""

    def anomaly_scores(self, pixels, *, seed=0, conditions=None):
        return {"noise": np.random.default_rng(seed).random(pixels.shape, np.float32)}


class TestAnomaly(EvaluatorContract):
    name = "anomaly"
    options: ClassVar = {"per_subject": 1, "rounds": 30, "components": 8}

    @classmethod
    def generator(cls, images):
        return Fake()


class TestAnomalyOfVolumes(TestAnomaly):
    shape = (16, 16, 16)
    options: ClassVar = {**TestAnomaly.options, "kinds": ("texture", "mass"), "least_pixels": 2}


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return make_images(tmp_path_factory.mktemp("heads") / "real", subjects=40)


@pytest.fixture(scope="module")
def sets(real):
    test = real.where(split="test")
    validation = real.where(split="validation")
    train = real.where(split="train")
    return {"train": train, "test": test, "synthetic": test, "validation": validation}


def evaluate(sets, generator, seed=0, **options):
    evaluator = Anomaly(AnomalyConfig(**{**QUICK, **options}))
    return evaluator.evaluate(EvaluationSets(**sets, generator=generator, seed=seed))


def values(found):
    return {figure.name: figure.value for figure in found.metrics}


@pytest.fixture(scope="module")
def known(sets, real):
    return evaluate(sets, Knowing(real), kinds=("texture", "hypointense", "hyperintense"))


@pytest.fixture(scope="module")
def guessed(sets):
    return evaluate(sets, Guessing())


def test_who_knows_the_healthy_images_finds_every_lesion(known):
    found = values(known)
    assert found["Dice, oracle threshold"] > 0.95
    assert found["Dice, validation threshold"] > 0.95
    assert found["AUROC, voxels"] > 0.97
    assert found["AUROC, images"] == 1
    assert found["AUPRC, images"] == 1
    assert found["Dice above the best baseline"] > 0.2
    assert known.notes[0].startswith("The model's knowledge finds more than every baseline")


def test_a_model_with_label_maps_is_shown_those_of_the_healthy_head(tmp_path):
    real = make_images(tmp_path / "real", subjects=40, labels=True)
    sets = {name: real.where(split=name) for name in ("train", "test", "validation")}
    sets["synthetic"] = sets["test"]
    found = values(evaluate(sets, OfLabelMaps(real), kinds=("texture",)))
    assert found["Dice, oracle threshold"] > 0.95
    with pytest.raises(OptionError, match="label maps"):
        evaluate(sets, OfLabelMaps(real), scans=real.folder)
    bare = {name: images.without_labels() for name, images in sets.items()}
    with pytest.raises(DataError, match="these images have none"):
        evaluate(bare, OfLabelMaps(real))


def test_noise_is_chance_and_the_first_note_says_that_a_baseline_wins(guessed):
    found = values(guessed)
    assert found["AUROC, voxels"] == pytest.approx(0.5, abs=0.03)
    share = guessed.tables["chance"][0]["lesion voxels, %"] / 100
    assert found["AUPRC, voxels"] == pytest.approx(share, abs=0.05)
    assert 0.2 < found["AUROC, images"] < 0.8
    assert found["Dice above the best baseline"] < 0
    assert guessed.notes[0].startswith("A baseline wins: ")


def test_baselines_win_where_lesions_are_bright_and_not_where_they_are_not(guessed):
    rows = guessed.tables["scores by lesion"]
    area = {(row["lesions"], row["score"]): row["AUPRC, voxels"] for row in rows}
    assert area["hyperintense", "intensity, bright"] > 0.7
    assert area["hypointense", "intensity, dark"] > area["hypointense", "noise"]
    assert area["texture", "intensity, bright"] < 0.4, "iso-intense lesions have no brightness"
    assert area["mass", "intensity, bright"] < 0.4
    assert "hyperintense: the model" not in guessed.notes[1]


def test_all_scores_stand_beside_each_other_with_intervals(guessed):
    rows = guessed.tables["scores"]
    baselines = [row["score"] for row in rows if row["of"] == "baseline"]
    assert baselines == ["intensity, bright", "intensity, dark", "voxelwise Gaussian", "PCA"]
    for row in rows:
        for name in ("Dice, validation threshold", "AUROC, voxels", "AUPRC, images"):
            assert row[f"{name}, low"] - 0.05 <= row[name] <= row[f"{name}, high"] + 0.05
            assert row[f"{name}, low"] < row[f"{name}, high"]
        assert row["Dice, oracle threshold"] >= row["Dice, validation threshold"]
        assert row["Dice, oracle threshold"] >= row["Dice, healthy percentile"]
        assert 0 <= row["false alarms, % of healthy voxels"] <= 100
    groups = {row["lesions"] for row in guessed.tables["scores by lesion"]}
    assert groups >= {"texture", "mass", "10 % wide", "20 % wide", "35 % wide"}


def test_models_that_only_reconstruct_are_scored_by_their_error(sets):
    found = evaluate(sets, Fake(), kinds=("hyperintense",), widths=(0.1,), smoothing_pixels=1.0)
    assert "reconstruction error" in found.metrics[0].detail
    assert values(found)["AUROC, voxels"] > 0.7
    assert "8 validation subjects" in found.notes[-1]


def test_without_validation_subjects_half_of_the_test_chooses(sets):
    found = evaluate({**sets, "validation": None}, Guessing(), kinds=("hyperintense",))
    assert "4 of the test subjects, who are not measured" in found.notes[-1]
    assert found.metrics[0].n == 4


@pytest.mark.parametrize("generator", [None, object()])
def test_models_that_do_not_reconstruct_are_refused(sets, generator):
    with pytest.raises(OptionError, match="needs a model that reconstructs"):
        evaluate(sets, generator)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": ("textures",)}, "unknown lesion 'textures'"),
        ({"kinds": ()}, "no kinds"),
        ({"widths": (0.0,)}, "widths are"),
        ({"widths": ()}, "widths are none"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(OptionError, match=message):
        AnomalyConfig(**options)
