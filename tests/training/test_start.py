"""Going on from the weights of a trained model (``--start``)."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from brainzoo import checkpoint
from brainzoo.cli import main
from brainzoo.testing.heads import make_images

SMALL = {
    "vae": "--base-channels 4 --latent 8",
    "flow": "--widths 8,16 --embedding 16 --blocks 1 --steps 2 --teacher ''",
    "dcgan": "--base-channels 16 --latent 8",
    "pggan": "--base-channels 16 --narrow-from 4 --latent 8",
    "vqvae": "--widths 8,8 --residual-layers 1 --codes 16 --prior-width 32 --prior-layers 1",
}


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads") / "heads"
    make_images(folder, spatial=(32, 32), subjects=20, classes=())
    return folder


def train(generator, data, out, *words):
    small = [word for word in SMALL[generator].split() if word != "''"]
    small += [""] if "''" in SMALL[generator] else []
    common = ["--images", "64", "--batch-size", "8", "--grids", "1", "--out", str(out)]
    words = ["train", generator, "--data", str(data), *small, *common, *map(str, words)]
    return CliRunner().invoke(main, words)


def weights_of(run):
    arrays = checkpoint.read_weights(run / "checkpoint")
    return np.concatenate([arrays[name].ravel() for name in sorted(arrays)])


@pytest.fixture(scope="module")
def begun(heads, tmp_path_factory):
    run = tmp_path_factory.mktemp("begun") / "run"
    done = train("vae", heads, run)
    assert done.exit_code == 0, done.output
    return run


@pytest.mark.parametrize("generator", SMALL)
def test_training_goes_on_from_the_weights_of_a_model(generator, heads, tmp_path):
    assert train(generator, heads, tmp_path / "begun").exit_code == 0
    one_step = ["--images", "8", "--seed", "1"]
    done = train(generator, heads, tmp_path / "on", *one_step, "--start", tmp_path / "begun")
    assert done.exit_code == 0, done.output
    assert train(generator, heads, tmp_path / "new", *one_step).exit_code == 0
    begun, on, new = (weights_of(tmp_path / name) for name in ("begun", "on", "new"))
    assert np.linalg.norm(on - begun) < np.linalg.norm(new - begun) / 3


def test_other_people_are_learned_with_the_weights_conditions(begun, tmp_path):
    """Ages mean the same to the weights whoever is trained on."""
    heads = make_images(tmp_path / "heads", spatial=(32, 32), subjects=20, classes=())
    heads.table = [{**r, "subject": f"new{r['subject']}", "age": r["age"] / 2} for r in heads.table]
    heads.save(tmp_path / "others")
    done = train("vae", tmp_path / "others", tmp_path / "run", "--start", begun)
    assert done.exit_code == 0, done.output
    old, new = (
        json.loads((run / "checkpoint/config.json").read_text())
        for run in (begun, tmp_path / "run")
    )
    ages = [config["conditions"]["columns"][0] for config in (old, new)]
    assert [(a["name"], a["mean"], a["std"]) for a in ages] == [
        ("age", ages[0]["mean"], ages[0]["std"])
    ] * 2
    assert ages[1]["low"] < ages[0]["low"]
    start = new["trained_on"]["start"]
    assert start["checkpoint_sha256"] == old["weights"]["sha256"]
    assert start["subjects_sha256"] == old["trained_on"]["subjects_sha256"]
    card = (tmp_path / "run/checkpoint/README.md").read_text()
    assert f"Went on from: weights {old['weights']['sha256'][:12]}" in card
    again = CliRunner().invoke(main, ["train", "--resume", str(tmp_path / "run"), "--images", "72"])
    assert again.exit_code == 0, again.output


def test_who_judges_was_not_seen_by_the_weights(begun, heads, tmp_path):
    images = make_images(tmp_path / "heads", spatial=(32, 32), subjects=20, classes=())
    moved = {"train": "test", "test": "train", "validation": "validation"}
    images.table = [{**row, "split": moved[row["split"]]} for row in images.table]
    images.save(tmp_path / "moved")
    done = train("vae", tmp_path / "moved", tmp_path / "run", "--start", begun)
    assert done.exit_code != 0
    assert "validation and test people" in done.output


def test_with_a_teacher_the_weights_may_not_have_seen_those_it_hides(begun, heads, tmp_path):
    done = train("vae", heads, tmp_path / "run", "--start", begun, "--teacher", "mosaic")
    assert done.exit_code != 0
    assert "of the people whom --teacher is there to hide" in done.output
    taught = {"--teacher": str(begun), "--teacher-samples": "16"}
    words = [word for pair in taught.items() for word in pair]
    assert train("vae", heads, tmp_path / "student", *words).exit_code == 0
    done = train("vae", heads, tmp_path / "on", "--start", tmp_path / "student", *words)
    assert done.exit_code == 0, done.output


def test_weights_that_do_not_fit_are_refused(begun, heads, tmp_path):
    done = train("vae", heads, tmp_path / "wide", "--base-channels", "8", "--start", begun)
    assert done.exit_code != 0
    assert "base_channels is 4" in done.output
    done = train("dcgan", heads, tmp_path / "other", "--start", begun)
    assert done.exit_code != 0
    assert "expected one of 'dcgan'" in done.output


def test_what_new_images_do_not_say_is_unknown_and_classes_must_agree(begun, tmp_path):
    heads = make_images(tmp_path / "heads", spatial=(32, 32), subjects=12, classes=())
    drop = ("age", "sex")
    heads.table = [{k: v for k, v in row.items() if k not in drop} for row in heads.table]
    heads.table = [{**row, "subject": f"new{row['subject']}", "sex": "F"} for row in heads.table]
    heads.save(tmp_path / "women")
    done = train("vae", tmp_path / "women", tmp_path / "run", "--start", begun)
    assert done.exit_code == 0, done.output
    conditions = json.loads((tmp_path / "run/checkpoint/config.json").read_text())["conditions"]
    names = [column["name"] for column in conditions["columns"]]
    assert names == ["age", "sex"]
    assert conditions["rows"] == [[None, "F"]]
    heads = make_images(tmp_path / "more", spatial=(32, 32), subjects=12)
    heads.table = [{**row, "subject": f"new{row['subject']}"} for row in heads.table]
    heads.save(tmp_path / "classed")
    done = train("vae", tmp_path / "classed", tmp_path / "classes", "--start", begun)
    assert done.exit_code != 0
    assert "those of --start are none" in done.output
