import csv
import dataclasses
import io
import json

import numpy as np
import pytest
from scipy import ndimage

from brainzoo import EvaluationSets
from brainzoo.common.errors import DataError, NotFoundError
from brainzoo.data.images import Images
from brainzoo.testing.heads import SUBJECT, make_images
from brainzoo_privacy import findings
from brainzoo_privacy.config import PrivacyConfig
from brainzoo_privacy.evaluator import Privacy, learned_from
from brainzoo_privacy.verdict import read_verdict

pytestmark = pytest.mark.slow

MEMORISED = 32  # images that the overfitted model knows by heart


class Innocent:
    """A model whose score says nothing but how rough an image is."""

    label_values = ()

    def score(self, pixels, *, conditions=None):
        return np.abs(np.diff(pixels, axis=-1)).reshape(len(pixels), -1).mean(1)


def judged(train, test, synthetic, validation=None, **options):
    config = PrivacyConfig(rounds=50, **options)
    sets = EvaluationSets(train, test, synthetic, validation, Innocent())
    evaluation = Privacy(config).evaluate(sets)
    return evaluation, {figure.name: figure for figure in evaluation.metrics}


@pytest.fixture(scope="module")
def of_overfitted(train, test, overfitted):
    return judged(train, test, overfitted)


@pytest.fixture(scope="module")
def unseen(tmp_path_factory):
    """Return images of heads that nobody trained on."""
    folder = tmp_path_factory.mktemp("unseen") / "unseen"
    return make_images(folder, subjects=60, per_subject=2, seed=7, synthetic=True)


@pytest.fixture(scope="module")
def of_unseen(train, test, unseen, real):
    return judged(train, test, unseen, real.where(split="validation"))


def saved_verdict(evaluation, tmp_path):
    path = tmp_path / "verdict.json"
    path.write_bytes(evaluation.files["verdict.json"])
    return read_verdict(path)


def test_an_overfitted_model_is_flagged(of_overfitted, tmp_path):
    evaluation, figures = of_overfitted
    assert figures["copy rate"].value >= 0.95
    assert figures["near duplicates"].value >= 0.95 * 4 * MEMORISED
    assert figures["AuthPct"].value < 5
    assert figures["nearer to train"].value > 0.6
    read = saved_verdict(evaluation, tmp_path)
    assert not read.passed
    assert any("near duplicates" in reason for reason in read.reasons)


def test_its_copies_are_traced_to_the_images_it_knows(of_overfitted, train):
    rows = list(csv.DictReader(io.StringIO(of_overfitted[0].files["nearest.csv"].decode())))
    known = {row["image_id"] for row in train.table[:MEMORISED]}
    right = [
        row["train_image_id"] == train.table[int(row["image_id"]) % MEMORISED]["image_id"]
        for row in rows
    ]
    assert np.mean(right) > 0.95
    assert np.mean([row["train_image_id"] in known for row in rows]) > 0.95


DISGUISES = {
    "mirrored": lambda image: image[:, ::-1],
    "shifted": lambda image: ndimage.shift(image, (0.6, -1.4)),
    "turned and mirrored": lambda image: ndimage.rotate(image, 6, reshape=False)[:, ::-1],
    "blurred": lambda image: ndimage.gaussian_filter(image, 0.5),
    "greyed": lambda image: 0.7 * image + 0.05,
    "turned by 180 degrees": lambda image: image[::-1, ::-1],
    "turned by 90 degrees and mirrored": lambda image: image.T,
    "turned by 40 degrees": lambda image: ndimage.rotate(image, 40, reshape=False, order=1),
    "turned by 205 degrees and mirrored": lambda image: ndimage.rotate(
        image[:, ::-1], 205, reshape=False, order=1
    ),
    "strongly blurred": lambda image: ndimage.gaussian_filter(image, 1.3),
    "upside down": lambda image: image[::-1],
    "noisy": lambda image: image + np.random.default_rng(0).normal(0, 0.04, image.shape),
}


@pytest.fixture(scope="module")
def of_disguised(train, test, as_synthetic):
    known = train.floats(np.arange(MEMORISED))[:, 0]
    copies = [change(image) for change in DISGUISES.values() for image in known]
    evaluation, _ = judged(train, test, as_synthetic(np.clip(copies, 0, 1)[:, None]))
    rows = csv.DictReader(io.StringIO(evaluation.files["nearest.csv"].decode()))
    return {int(row["image_id"]): bool(row["counts_as"]) for row in rows}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_copies_are_flagged_however_they_are_disguised(of_disguised, disguise):
    start = MEMORISED * list(DISGUISES).index(disguise)
    flagged = [of_disguised[i] for i in range(start, start + MEMORISED)]
    assert np.mean(flagged) >= (0.9 if "strongly" in disguise else 0.95)


def test_real_people_who_were_not_trained_on_are_not_flagged(of_unseen, of_overfitted):
    assert of_overfitted[1]["real unseen flagged"].value <= 0.01
    assert of_unseen[1]["real unseen flagged"].value <= 0.01
    assert of_unseen[1]["copy rate"].value <= 0.01
    assert of_unseen[1]["near duplicates"].value == 0
    assert 0.35 < of_unseen[1]["membership AUC"].value < 0.65


def test_images_of_nobody_pass(of_unseen, tmp_path):
    read = saved_verdict(of_unseen[0], tmp_path)
    assert read.passed
    assert read.reasons == ()
    assert read.synthetic.checkpoint_sha256 == "0" * 64


def test_planted_copies_prove_that_the_audit_sees(of_unseen):
    assert of_unseen[1]["planted copies found"].value >= 0.95


def test_the_verdict_tells_what_was_compared(of_unseen, train, tmp_path):
    read = saved_verdict(of_unseen[0], tmp_path)
    assert read.train.images == len(train)
    assert read.train.subjects == len(train.subjects())
    assert read.train.fingerprint == train.fingerprint
    assert read.train.sha256 != read.test.sha256
    assert read.metrics["copy rate"].n == 120


def test_no_subject_is_named_anywhere(of_overfitted):
    evaluation, _ = of_overfitted
    rows = json.dumps([evaluation.tables, evaluation.notes, [str(f) for f in evaluation.metrics]])
    for text in (rows, *(content.decode() for content in evaluation.files.values())):
        assert SUBJECT not in text


def test_what_leaves_with_a_checkpoint_points_to_no_training_image(of_overfitted):
    """Tables go into the checkpoint's metrics.json; nearest.csv stays in the run."""
    for row in of_overfitted[0].tables["most suspicious"]:
        assert not [name for name in row if "train" in name]


def test_unknown_weights_never_pass(of_unseen, unseen):
    nameless = Images(unseen.floats(), unseen.table, {"synthetic": True})
    (reason,) = findings.reasons(of_unseen[1], nameless)
    assert "which weights" in reason


def doubts_of(figures, train, test, synthetic):
    return findings.doubts(figures, EvaluationSets(train, test, synthetic))


def test_few_people_or_images_leave_it_undecided(train, test, unseen, tmp_path):
    few = test[np.arange(12)]
    evaluation, _ = judged(train, few, unseen[np.arange(40)])
    read = saved_verdict(evaluation, tmp_path)
    assert (read.outcome, read.passed) == ("undecided", False)
    assert "there are 6 test and validation subjects; expected 20 or more." in read.doubts
    assert "there are 40 synthetic images; expected 100 or more." in read.doubts
    assert evaluation.notes[0].startswith("Undecided")


def test_a_leak_that_could_not_be_seen_leaves_it_undecided(of_unseen, train, test, unseen):
    auc = of_unseen[1]["membership AUC"]
    for high, count in ((0.64, 0), (0.7, 1), (None, 1)):
        figures = {**of_unseen[1], "membership AUC": dataclasses.replace(auc, high=high)}
        assert len(doubts_of(figures, train, test, unseen)) == count
    planted = dataclasses.replace(of_unseen[1]["planted copies found"], value=0.9)
    figures = {**of_unseen[1], "planted copies found": planted}
    assert "only 90.0% of planted copies" in doubts_of(figures, train, test, unseen)[0]


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("near duplicates", {"value": 1}, "1 of 120 synthetic images are near duplicates"),
        ("copy rate", {"value": 0.05, "low": 0.02}, "5.0% of the synthetic images count as copies"),
        ("membership AUC", {"value": 0.6, "low": 0.53}, "membership AUC 0.600"),
        ("real unseen flagged", {"value": 0.04, "low": 0.02}, "under other names"),
    ],
)
def test_each_rule_alone_fails_an_audit(of_unseen, unseen, name, changes, said):
    figures = {**of_unseen[1], name: dataclasses.replace(of_unseen[1][name], **changes)}
    (reason,) = findings.reasons(figures, unseen)
    assert said in reason


def test_images_without_subjects_are_refused(train, test, overfitted):
    nameless = train[np.arange(len(train))]
    nameless.table = [{**row, "subject": None} for row in nameless.table]
    with pytest.raises(DataError, match=r"144 of 144 training images have no subject"):
        judged(nameless, test, overfitted)


def test_volumes(tmp_path, as_synthetic):
    real = make_images(tmp_path / "real", spatial=(14, 12, 13), subjects=40, per_subject=1)
    train, test = real.where(split="train"), real.where(split="test")
    copies = as_synthetic(np.flip(train.floats(), axis=2))
    evaluation, figures = judged(train, test, copies)
    assert figures["copy rate"].value == 1
    assert evaluation.pictures["suspicious"]


def test_features_can_be_compared_besides(train, test, overfitted):
    few = overfitted[np.arange(32)]
    _, figures = judged(train, test, few, features=True, extractor="random-squeezenet")
    assert "random" in figures["feature copy rate"].detail
    assert figures["feature planted copies found"].n == 100


def test_a_named_file_of_weights_must_be_there(tmp_path):
    config = PrivacyConfig(
        features=True, extractor="squeezenet", features_weights=tmp_path / "none.safetensors"
    )
    with pytest.raises(NotFoundError, match=r"none\.safetensors") as caught:
        Privacy(config).check()
    assert "--privacy.features-weights" in caught.value.hint


def test_weights_that_were_not_attacked_leave_it_undecided(of_unseen, train, test, unseen):
    figures = {n: f for n, f in of_unseen[1].items() if n != findings.WHITE_BOX}
    assert "not attacked" in doubts_of(figures, train, test, unseen)[0]


def test_people_in_no_class_were_not_learned_from(train):
    rows = [{**row, "class": "young" if i < 40 else None} for i, row in enumerate(train.table)]
    some = Images(train.read(), rows, {**train.info, "classes": ["young"]})
    assert len(learned_from(some)) == 40
    without = Images(
        train.read(), [{**r, "class": None} for r in rows], {**train.info, "classes": []}
    )
    assert len(learned_from(without)) == len(train)
