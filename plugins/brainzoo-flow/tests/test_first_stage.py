"""A flow in the latents of a VQ-VAE that was trained before."""

import json

import numpy as np
import pytest

import brainzoo
from brainzoo.api import DataError, IntegrityError, OptionError, Run
from brainzoo.plugin.run import TrainConfig
from brainzoo.testing.heads import make_images
from brainzoo.training import untrained
from brainzoo_flow.config import FlowConfig
from brainzoo_flow.generator import Flow

SMALL = {"widths": (8, 16), "embedding": 16, "blocks": 1, "steps": 2}
STAGE = {"widths": (8,), "codes": 16, "code_length": 4, "prior_width": 32, "prior_layers": 1}


def run(folder):
    return Run(folder, TrainConfig(images=64, batch_size=8, device="cpu", grids=1))


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    return make_images(tmp_path_factory.mktemp("heads") / "images", spatial=(16, 16), classes=())


@pytest.fixture(scope="module")
def stage(heads, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    vqvae = untrained("vqvae", STAGE)
    vqvae.fit(heads.where(split="train"), run(folder / "run"))
    vqvae.save(folder / "autoencoder of ward 7")
    return folder / "autoencoder of ward 7"


@pytest.fixture(scope="module")
def flow(heads, stage, tmp_path_factory):
    made = Flow(FlowConfig(**SMALL, first_stage=str(stage)))
    made.fit(heads.where(split="train"), run(tmp_path_factory.mktemp("flow") / "run"))
    return made


def test_a_checkpoint_holds_the_first_stage_and_not_where_it_lay(flow, stage, tmp_path):
    flow.save(tmp_path / "checkpoint")
    loaded = brainzoo.load(tmp_path / "checkpoint")
    assert np.array_equal(loaded.images(5, seed=3), flow.images(5, seed=3))
    assert str(stage.parent) not in (tmp_path / "checkpoint" / "config.json").read_text()


def test_the_first_stage_learns_nothing(flow, stage):
    before = brainzoo.load(stage).network.autoencoder.state_dict()
    after = flow.network.packing.autoencoder.state_dict()
    assert before.keys() == after.keys()
    assert all((before[name] == after[name]).all() for name in before)


def test_samples_are_images_of_the_autoencoder_and_edits_work(flow, heads):
    pixels = heads.floats()[:3]
    mask = np.zeros((3, 16, 16), bool)
    mask[:, 4:9, 4:9] = True
    filled = flow.inpaint(pixels, mask)
    assert np.array_equal(filled[:, 0][~mask], pixels[:, 0][~mask])
    assert np.isfinite(flow.score(pixels)).all()
    assert flow.translate(pixels, {"age": 60}).shape == pixels.shape


def test_people_who_may_be_in_the_test_set_are_refused(heads, stage, tmp_path):
    fewer = heads.where(split="train")
    fewer = fewer[[i for i, row in enumerate(fewer.table) if row["subject"] != fewer.subjects()[0]]]
    with pytest.raises(DataError, match="1 people"):
        Flow(FlowConfig(**SMALL, first_stage=str(stage))).fit(fewer, run(tmp_path / "run"))


def test_what_cannot_be_a_first_stage_is_refused(flow, heads, stage, tmp_path):
    train = heads.where(split="train")
    flow.save(tmp_path / "checkpoint")
    itself = Flow(FlowConfig(**SMALL, first_stage=str(tmp_path / "checkpoint")))
    with pytest.raises(OptionError, match="is a flow"):
        itself.fit(train, run(tmp_path / "run"))
    deep = Flow(FlowConfig(**{**SMALL, "widths": (8, 8, 8, 8, 8)}, first_stage=str(stage)))
    with pytest.raises(OptionError, match="multiples of 16"):
        deep.fit(train, run(tmp_path / "run"))


def test_a_damaged_description_is_refused(flow, tmp_path):
    flow.save(tmp_path / "checkpoint")
    path = tmp_path / "checkpoint" / "config.json"
    config = json.loads(path.read_text())
    del config["first_stage"]
    path.write_text(json.dumps(config))
    with pytest.raises(IntegrityError, match="first stage"):
        brainzoo.load(tmp_path / "checkpoint")
