"""People who never were: what is recombined, of whom, and what of it reaches a student."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from brainzoo import Images
from brainzoo.api import DataError, OptionError, Run
from brainzoo.cli import main
from brainzoo.data.packing import packed
from brainzoo.plugin.run import TrainConfig
from brainzoo.testing.heads import make_images
from brainzoo_mosaic.config import MosaicConfig
from brainzoo_mosaic.generator import Mosaic, _weights
from brainzoo_mosaic.register import exponential, moved, to_mean


def mosaic_of(images, folder, **options):
    made = Mosaic(MosaicConfig(**options))
    made.fit(packed(images), Run(folder, TrainConfig(images=1)))
    return made


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    return make_images(folder / "heads", spatial=(48, 48), classes=(), subjects=30)


@pytest.fixture(scope="module")
def mosaic(heads, tmp_path_factory):
    return mosaic_of(heads.where(split="train"), tmp_path_factory.mktemp("run"))


def blobs(*radii):
    at = torch.linspace(-1, 1, 32)
    far = (at[:, None] ** 2 + at**2).sqrt()
    return torch.stack([torch.sigmoid((radius - far) * 20) for radius in radii])[:, None]


def test_people_come_together_on_their_mean():
    images, rounds = blobs(0.45, 0.6, 0.75), []
    together = moved(images, exponential(to_mean(images, rounds.append)))
    before, after = (x.std(0).square().mean() for x in (images, together))
    assert after < before / 10
    assert rounds


def test_a_deformation_can_be_undone():
    field = to_mean(blobs(0.45, 0.75), lambda _: None)
    there, back = exponential(field), exponential(-field)
    assert there.abs().max() > 1.5
    assert (back + moved(there, back)).abs().max() < 0.15


def test_shapes_vary_as_peoples_do_and_are_nobodys():
    weights = _weights(torch.linspace(0, 1, 101))
    assert torch.allclose(weights.sum(1), torch.ones(101), atol=1e-5)
    assert torch.allclose(weights.square().sum(1), torch.ones(101), atol=1e-5)
    assert weights.max() < 0.95


def test_nobody_is_shown_and_nobody_twice(heads, mosaic):
    people = heads.where(split="train").floats().reshape(-1, 48 * 48)
    made = mosaic.images(40, seed=3).reshape(40, -1)
    both = np.concatenate([people, made])
    likeness = np.corrcoef(both)[len(people) :]
    np.fill_diagonal(likeness[:, len(people) :], 0)
    assert likeness.max() < 0.999


def test_tissue_is_of_as_many_people_as_asked_for(heads, tmp_path):
    train = heads.where(split="train")
    for parts in (1, 3):
        made = mosaic_of(train, tmp_path, parts=parts, near=30)
        asked = torch.zeros(40, made.known.width)
        tissues = made._chosen(made.ready(), asked, torch.rand(40, 3 + parts))[1]
        people = torch.stack([made.ready().person[who] for who in tissues], 1).tolist()
        assert max(len(set(one)) for one in people) == parts
        assert all(one[0] not in one[1:] for one in people)
        assert made.images(3).shape == (3, 1, 48, 48)


def test_people_are_recombined_with_those_of_their_age_and_sex(heads, tmp_path):
    mosaic = mosaic_of(heads.where(split="train"), tmp_path, near=3)
    asked = torch.from_numpy(mosaic.known.encode([{"age": 60.0, "sex": "F"}] * 30))
    shapes, tissues = mosaic._chosen(mosaic.ready(), asked, torch.rand(30, 9))
    table = heads.where(split="train").table
    all_ages = np.array([row["age"] for row in table if row["sex"] == "F"], float)
    for who in (*shapes, *tissues):
        rows = [table[int(i)] for i in who]
        assert {row["sex"] for row in rows} == {"F"}
        ages = np.array([row["age"] for row in rows], float)
        assert np.abs(ages - 60).mean() < 0.7 * np.abs(all_ages - 60).mean()
    assert not (shapes[0] == shapes[1]).any()
    assert not (shapes[0] == shapes[2]).any()


def test_everybody_is_recombined_where_nothing_is_known_of_them(heads, tmp_path):
    mosaic = mosaic_of(heads.where(split="train"), tmp_path, near=3, covariates=())
    shapes, _ = mosaic._chosen(mosaic.ready(), torch.zeros(300, 0), torch.rand(300, 9))
    everybody = set(mosaic.ready().person.tolist())
    for who in shapes:
        assert set(mosaic.ready().person[who].tolist()) == everybody


def test_slices_are_recombined_with_those_of_the_same_place(heads, mosaic):
    network = mosaic.ready()
    shapes, tissues = mosaic._chosen(
        network, torch.zeros(20, mosaic.known.width), torch.rand(20, 9)
    )
    places = torch.stack([network.place[who] for who in (*shapes, *tissues)])
    assert (places == places[0]).all()
    assert set(network.place.tolist()) == {0, 1}  # two slices a person


@pytest.mark.parametrize("spatial", [(48, 48), (24, 24, 24)], ids=["slices", "volumes"])
def test_label_maps_go_with_their_tissue(spatial, tmp_path):
    heads = make_images(tmp_path / "heads", spatial=spatial, classes=(), channels=2, labels=True)
    made = mosaic_of(heads.where(split="train"), tmp_path / "run", parts=3)
    made.save(tmp_path / "checkpoint")
    drawn = Mosaic.load(tmp_path / "checkpoint").images(8)
    assert drawn.shape == (8, 5, *spatial)  # two channels; background, dark, bright
    label, image = drawn[:, 2:].argmax(1), drawn[:, 0]
    means = [image[label == value].mean() for value in range(3)]
    assert means[0] < 0.05 < means[1] < 0.4 < means[2]


def test_too_few_people_and_odd_sizes_are_refused(heads, tmp_path):
    one = heads.where(subject=heads.table[0]["subject"])
    with pytest.raises(DataError, match="expected two or more"):
        mosaic_of(one, tmp_path)
    with pytest.raises(OptionError, match="even sides"):
        MosaicConfig().check_spatial((33, 32))


def test_a_student_learns_from_people_who_never_were(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mosaic").mkdir()  # a folder of that name is not meant
    make_images(tmp_path / "heads", spatial=(16, 16), subjects=20)
    small = "--base-channels 8 --latent 4 --images 32 --batch-size 8 --grids 1"
    words = ["train", "vae", *small.split(), "--data", str(tmp_path / "heads")]
    words += ["--teacher", "mosaic", "--teacher-samples", "24", "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    taught = json.loads((tmp_path / "run/checkpoint/config.json").read_text())["trained_on"]
    assert taught["teacher"]["generator"] == "mosaic"
    assert taught["n_subjects"] == 12
    card = (tmp_path / "run/checkpoint/README.md").read_text()
    assert "24 samples of a mosaic" in card
    lessons = Images.open(tmp_path / "run/lessons")
    assert len(lessons) == 24
    before = (tmp_path / "run/lessons/pixels.npy").stat().st_mtime_ns
    done = CliRunner().invoke(main, ["train", "--resume", str(tmp_path / "run"), "--images", "48"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "run/lessons/pixels.npy").stat().st_mtime_ns == before


def test_options_are_those_of_the_checkpoint(mosaic, tmp_path):
    mosaic.save(tmp_path / "checkpoint")
    loaded = Mosaic.load(tmp_path / "checkpoint")
    assert dataclasses.asdict(loaded.config) == dataclasses.asdict(mosaic.config)
    assert np.array_equal(loaded.images(3), mosaic.images(3))


def test_the_teacher_knows_the_columns_that_the_student_takes(tmp_path):
    heads = make_images(tmp_path / "heads", spatial=(16, 16), subjects=20, classes=())
    heads.table = [{**row, "site": "AB"[i // 2 % 2]} for i, row in enumerate(heads.table)]
    heads.save(tmp_path / "sites")
    small = "--base-channels 8 --latent 4 --images 16 --batch-size 8 --grids 1 --teacher-samples 16"
    words = ["train", "vae", *small.split(), "--data", str(tmp_path / "sites")]
    words += ["--covariates", "age,site", "--teacher", "mosaic", "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    lessons = Images.open(tmp_path / "run/lessons")
    assert set(lessons.column("site")) == {"A", "B"}
    heads.table = [{**row, "site": "A"} for row in heads.table]  # nothing to be conditioned on
    heads.save(tmp_path / "one")
    one = [str(tmp_path / "one") if w == str(tmp_path / "sites") else w for w in words]
    done = CliRunner().invoke(main, [*one[:-1], str(tmp_path / "same")])
    assert done.exit_code == 0, done.output
    again = [*words[:-1], str(tmp_path / "other")]
    again[again.index("mosaic")] = str(tmp_path / "run")
    again[again.index("age,site")] = "sex"
    done = CliRunner().invoke(main, again)
    assert done.exit_code != 0
    assert "do not say sex" in done.output
