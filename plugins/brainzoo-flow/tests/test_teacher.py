"""A student that learns from a teacher's samples, through the command line."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import brainzoo
from brainzoo import Images
from brainzoo.api import Run
from brainzoo.cli import main
from brainzoo.plugin.run import TrainConfig
from brainzoo.testing.heads import make_images
from brainzoo_flow.config import FlowConfig
from brainzoo_flow.generator import Flow

SMALL = "--widths 8,16 --embedding 16 --blocks 1 --steps 2 --images 64 --batch-size 8 --grids 1"


def train(*words, fails=False):
    done = CliRunner().invoke(main, ["train", "flow", *SMALL.split(), *map(str, words)])
    assert (done.exit_code != 0) == fails, done.output
    return done.output


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teaching")
    make_images(folder / "heads", spatial=(16, 16), classes=(), subjects=20)
    train("--data", folder / "heads", "--out", folder / "teacher")
    how = ("--teacher", folder / "teacher", "--teacher-samples", 40)
    train("--data", folder / "heads", "--out", folder / "student", *how)
    return folder


def test_a_student_sees_no_pixel_of_a_person(places, tmp_path):
    lessons, heads = (Images.open(places / name) for name in ("student/lessons", "heads"))
    run = Run(tmp_path / "a", TrainConfig(images=32, batch_size=8, device="cpu", grids=1))
    black = Images(np.zeros_like(heads.read()), heads.table, heads.info)
    made = []
    for images, folder in ((heads, "a"), (black, "b")):
        flow = Flow(FlowConfig(widths=(8, 16), embedding=16, blocks=1, steps=2))
        flow.fit(images, dataclasses.replace(run, folder=tmp_path / folder, lessons=lessons))
        made.append(flow.images(4))
    assert np.array_equal(*made)


def test_a_student_says_who_taught_it(places):
    lessons, teacher = Images.open(places / "student/lessons"), brainzoo.load(places / "teacher")
    assert np.abs(lessons.floats() - teacher.images(40)).max() < 1e-4
    config = json.loads((places / "student" / "checkpoint" / "config.json").read_text())
    assert config["trained_on"]["teacher"]["samples"] == 40
    assert config["trained_on"]["teacher"]["generator"] == "flow"
    assert config["trained_on"]["n_subjects"] == len(
        Images.open(places / "heads").where(split="train").subjects()
    )
    card = (places / "student" / "checkpoint" / "README.md").read_text()
    assert "40 samples of a flow" in card
    assert str(places) not in card


def test_a_stopped_student_goes_on_with_the_same_lessons(places, tmp_path):
    copy = shutil.copytree(places / "student", tmp_path / "student")
    before = (copy / "lessons" / "pixels.npy").stat().st_mtime_ns
    done = CliRunner().invoke(main, ["train", "--resume", str(copy), "--images", "80"])
    assert done.exit_code == 0, done.output
    assert (copy / "lessons" / "pixels.npy").stat().st_mtime_ns == before


def test_a_teacher_is_found_again_from_another_folder(places, tmp_path, monkeypatch):
    monkeypatch.chdir(places)
    how = ("--teacher", "teacher", "--teacher-samples", 40)
    train("--data", "heads", "--out", tmp_path / "student", *how)
    shutil.rmtree(tmp_path / "student" / "lessons")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["train", "--resume", "student", "--images", "80"])
    assert done.exit_code == 0, done.output
    for path in filter(Path.is_file, (tmp_path / "student" / "checkpoint").rglob("*")):
        assert str(places).encode() not in path.read_bytes(), path


def test_a_teacher_that_has_seen_other_people_or_makes_other_images_is_refused(places, tmp_path):
    make_images(tmp_path / "few", spatial=(16, 16), classes=(), subjects=12)
    how = ("--teacher", places / "teacher", "--out", tmp_path / "run")
    assert "who are not among" in train("--data", tmp_path / "few", *how, fails=True)
    make_images(tmp_path / "large", spatial=(24, 24), classes=(), subjects=20)
    assert "spatial is [16, 16]" in train("--data", tmp_path / "large", *how, fails=True)
    assert not (tmp_path / "run").exists()


def test_lessons_are_sorted_into_the_classes_of_the_student(places, tmp_path):
    heads = Images.open(places / "heads")
    rules = {"young": "age < 50", "old": "age >= 50"}
    info = {**heads.info, "classes": [*rules], "class_expressions": rules}
    with Images.write(tmp_path / "heads", heads.spatial, info) as writer:
        names = ["young" if age < 50 else "old" for age in heads.column("age")]
        rows = [{**row, "class": name} for row, name in zip(heads.table, names, strict=True)]
        writer.append(heads.floats(), rows)
    how = (
        "--teacher",
        places / "teacher",
        "--teacher-samples",
        40,
        "--covariates",
        "",
        "--images",
        800,
    )
    train("--data", tmp_path / "heads", "--out", tmp_path / "run", *how)
    student = brainzoo.load(tmp_path / "run")
    young, old = (student.images(8, condition={"class": name}) for name in rules)
    assert not np.allclose(young, old)
