import csv
import io

import numpy as np
import pytest

from brainzoo import EvaluationSets, Images
from brainzoo.common.errors import DataError, NotFoundError, OptionError
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.options import make_config
from brainzoo.testing.heads import make_images

pytestmark = pytest.mark.slow

FAST = {"extractor": "random-squeezenet", "layer": "fire3", "people": (12, 24)}


def evaluator(**options):
    config = make_config(plugins().get("evaluator", "gantrain").config, {**FAST, **options})
    return plugins().load("evaluator", "gantrain")(config)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return make_images(tmp_path_factory.mktemp("real") / "images", subjects=80)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good") / "images"
    return make_images(folder, subjects=40, seed=1, synthetic=True)


def evaluate(real, synthetic, *, seed=0, **options):
    train, test = real.where(split="train"), real.where(split="test")
    found = evaluator(**options).evaluate(EvaluationSets(train, test, synthetic, seed=seed))
    return found, {figure.name: figure for figure in found.metrics}


def relabelled(images, change):
    table = [{**row, "class": change(i, row)} for i, row in enumerate(images.table)]
    return Images(images.read(), table, images.info)


@pytest.fixture(scope="module")
def found(real, good):
    return evaluate(real, good)


def test_good_images_teach_as_real_ones_do(found):
    _, figures = found
    assert figures["harmonic mean"].value > 0.9
    assert figures["ratio to real"].value == pytest.approx(1, abs=0.1)
    assert figures["harmonic mean"].floor > 0.9
    assert figures["GAN-test"].value > 0.9
    assert figures["copy rate"].value <= 0.2  # the threshold is the least of 16 subjects'
    assert not any("copies" in note for note in found[0].notes)


def test_shuffled_labels_are_at_chance(found):
    evaluation, figures = found
    row = by_name(evaluation)["synthetic, labels shuffled"]
    chance = (float(row["sensitivity"]) + float(row["specificity"])) / 2
    assert chance == pytest.approx(0.5, abs=0.15)
    assert figures["harmonic mean, shuffled"].value < 0.7


def by_name(evaluation):
    rows = csv.DictReader(io.StringIO(evaluation.files["gan-train.csv"].decode()))
    return {row["trained on"]: row for row in rows}


def test_one_table_holds_every_training_set(found):
    evaluation, figures = found
    rows = {row["trained on"]: row for row in evaluation.tables["GAN-train"]}
    assert list(rows)[:2] == ["synthetic", "real"]
    assert {"real + synthetic", "real, 12 people", "real, 12 people + synthetic"} < set(rows)
    assert "GAN-test: real, tested on synthetic" in rows
    assert rows["real, 12 people"]["real subjects"] == 12
    assert rows["synthetic"]["real subjects"] is None
    assert rows["synthetic"]["harmonic mean"].startswith(f"{figures['harmonic mean'].value:.3f} (")
    numbers = by_name(evaluation)
    assert float(numbers["synthetic"]["sensitivity"]) == pytest.approx(figures["sensitivity"].value)
    low, high = (float(numbers["real"][f"harmonic mean {end}"]) for end in ("low", "high"))
    assert low <= float(numbers["real"]["harmonic mean"]) <= high


def test_every_figure_says_its_features(found):
    evaluation, figures = found
    assert all("RANDOM WEIGHTS" in figure.detail for figure in figures.values())
    assert "RANDOM" in evaluation.notes[0]


def test_the_curve_is_a_picture(found):
    curve = found[0].pictures["curve"].decode()
    assert curve.count("<polyline") == 2
    for name in ("real + synthetic", "synthetic alone", "chance", "48"):
        assert f">{name}<" in curve


def test_wrong_labels_are_found_out(real, good):
    swapped = relabelled(good, lambda i, row: {"young": "old", "old": "young"}[row["class"]])
    _, figures = evaluate(real, swapped, people=())
    assert figures["harmonic mean"].value < 0.2
    assert figures["gain by adding synthetic"].value <= 0


def test_one_answer_for_all_is_said(real, good):
    """Synthetic heads of which all look old, half of them labelled young by their background."""
    old = [i for i, name in enumerate(good.column("class")) if name == "old"]
    heads = good[old]
    pixels, half = heads.floats(), np.arange(len(old)) % 2 == 0
    pixels[half] = 1 - pixels[half]
    odd = Images(pixels, heads.table, heads.info)
    labelled = relabelled(odd, lambda i, row: "young" if half[i] else "old")
    evaluation, figures = evaluate(real, labelled, people=())
    assert figures["harmonic mean"].value < 0.2
    assert any("takes nearly every real one for old" in note for note in evaluation.notes)


def test_copies_are_found_out(real):
    train = real.where(split="train")
    copies = relabelled(train, lambda i, row: row["class"])
    evaluation, figures = evaluate(real, copies, people=())
    assert figures["copy rate"].value == 1
    assert any("copies" in note for note in evaluation.notes)
    assert figures["ratio to real"].value == pytest.approx(1, abs=0.05)


def test_copies_of_images_beyond_the_limit_are_found_out(real):
    train = real.where(split="train")
    copies = train[::-1]  # or the same ones would be drawn of both
    _, figures = evaluate(real, copies, people=(), limit=40)
    assert figures["copy rate"].n == 40
    assert figures["copy rate"].value == 1


def test_images_in_no_class_are_left_out(real, good):
    some = relabelled(good, lambda i, row: None if i % 3 == 0 else row["class"])
    _, figures = evaluate(real, some, people=())
    assert figures["copy rate"].n == sum(1 for i in range(len(good)) if i % 3)


def test_more_synthetic_images_than_real_ones_are_drawn(real, good):
    few = real[[i for i, s in enumerate(real.column("subject")) if int(s[-3:]) < 30]]
    evaluation, figures = evaluate(few, good, people=())
    assert figures["copy rate"].n == len(few.where(split="train"))
    assert any("as many as real" in note for note in evaluation.notes)


def test_the_limit_holds(real, good):
    evaluation, _ = evaluate(real, good, people=(), limit=40)
    rows = {row["trained on"]: row for row in evaluation.tables["GAN-train"]}
    assert rows["real"]["images"] == rows["synthetic"]["images"] == 40
    assert any("limit" in note for note in evaluation.notes)


def test_three_classes_are_macro(real, good):
    def third(i, row):
        return "other" if row["sex"] == "M" else row["class"]

    evaluation, figures = evaluate(relabelled(real, third), relabelled(good, third), people=())
    assert figures["harmonic mean"].value > 0.3
    assert "means over" in " ".join(evaluation.notes)
    assert "0.44" in " ".join(evaluation.notes)


def test_positive_is_the_last_class_unless_named(real, good):
    skewed = relabelled(good, lambda i, row: "old" if i % 2 else row["class"])
    _, last = evaluate(real, skewed, people=())
    _, named = evaluate(real, skewed, people=(), positive="young")
    assert named["sensitivity"].value == last["specificity"].value
    assert named["specificity"].value == last["sensitivity"].value


def test_an_unknown_positive_class_is_refused(real, good):
    with pytest.raises(OptionError, match="young, old"):
        evaluate(real, good, positive="yung")


def test_unconditional_samples_are_one_clear_line(real, good):
    with pytest.raises(DataError, match="the synthetic images have no classes") as caught:
        evaluate(real, relabelled(good, lambda i, row: None))
    assert "--class" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_class_that_was_never_sampled_is_said(real, good):
    with pytest.raises(DataError, match="synthetic images of class young are of 0 images"):
        evaluate(real, relabelled(good, lambda i, row: "old"))


def test_one_class_is_not_enough(real, good):
    one = [relabelled(images, lambda i, row: "old") for images in (real, good)]
    with pytest.raises(DataError, match="needs two or more"):
        evaluate(*one)


def test_a_class_of_one_test_subject_is_said(real, good):
    subjects = np.array(real.column("subject"))
    test = np.array(real.column("split")) == "test"
    young = np.array(real.column("class")) == "young"
    gone = test & young & (subjects != subjects[test & young][0])
    with pytest.raises(DataError, match="test images of class young are of 1 subjects"):
        evaluate(real[~gone], good)


def test_check_refuses_weights_that_are_not_there(tmp_path):
    options = {"extractor": "squeezenet", "features_weights": str(tmp_path / "none.safetensors")}
    with pytest.raises(NotFoundError, match=r"none\.safetensors"):
        evaluator(**options).check()
    evaluator().check()


def test_too_few_people_are_refused():
    with pytest.raises(OptionError, match=r"people holds 1"):
        evaluator(people=(1,))


def test_when_synthetic_images_help_is_said_by_number_of_people(found, real, good):
    evaluation, figures = found
    assert "gain by adding synthetic to 12 people" in figures
    assert any(n.startswith("Synthetic images ") for n in evaluation.notes)
    noise = relabelled(good, lambda i, row: ("young", "old")[i % 2])
    said = [n for n in evaluate(real, noise)[0].notes if n.startswith("Synthetic images ")]
    assert not any("help beside" in n for n in said)


def test_classifiers_see_the_channels_that_were_asked_for(tmp_path):
    both = {"channels": 2, "subjects": 40}
    real = make_images(tmp_path / "real", **both)
    synthetic = make_images(tmp_path / "made", seed=1, synthetic=True, **both)
    _, first = evaluate(real, synthetic, channels=("T1w",))
    alone = [images.of_channels(["T1w"]) for images in (real, synthetic)]
    _, expected = evaluate(*alone)
    assert {n: f.value for n, f in first.items()} == {n: f.value for n, f in expected.items()}
    with pytest.raises(OptionError, match="no channel is named 'FLAIR'"):
        evaluate(real, synthetic, channels=("FLAIR",))
