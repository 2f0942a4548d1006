import hashlib
import json

import numpy as np
import pytest

from brainzoo import checkpoint
from brainzoo.checkpoint import writing
from brainzoo.common.errors import (
    BrainzooError,
    DataError,
    DiskError,
    ExistsError,
    IncompatiblePluginError,
    IntegrityError,
    NotFoundError,
)
from brainzoo.common.files import sha256
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.testing.heads import SUBJECT, make_images


@pytest.fixture
def trained(tiny, tmp_path):
    from brainzoo_tiny.config import TinyConfig
    from brainzoo_tiny.generator import Tiny

    images = make_images(tmp_path / "images", spatial=(16, 16)).where(split="train")
    generator = Tiny(TinyConfig(noise=0.05))
    run = Run(tmp_path / "run", TrainConfig(images=16))
    run.folder.mkdir()
    generator.fit(images, run)
    return generator, images


@pytest.fixture
def saved(trained, tmp_path):
    generator, _ = trained
    generator.save(tmp_path / "saved")
    return tmp_path / "saved"


def change(folder, **values):
    config = json.loads((folder / "config.json").read_text())
    for key, value in values.items():
        inner, _, name = key.rpartition("__")
        (config[inner] if inner else config)[name] = value
    (folder / "config.json").write_text(json.dumps(config))


def test_a_checkpoint_says_what_it_is_and_names_no_one(trained, saved):
    _, images = trained
    config = json.loads((saved / "config.json").read_text())
    assert config["plugin"]["name"] == "tiny"
    assert config["weights"]["sha256"] == sha256(saved / "model.safetensors")
    assert config["preprocessing"]["spacing_mm"] == images.info["spacing_mm"]
    assert config["images"]["classes"] == ["young", "old"]
    assert config["images"]["class_shares"] == [0.5, 0.5]
    about = config["trained_on"]
    assert about["n_subjects"] == len(images.subjects())
    salted = [hashlib.sha256((about["salt"] + s).encode()).hexdigest() for s in images.subjects()]
    assert about["subjects_sha256"] == sorted(salted), "who has the list can check for overlap"
    for path in saved.iterdir():
        assert SUBJECT.encode() not in path.read_bytes(), f"{path.name} names a subject"
    card = (saved / "README.md").read_text()
    assert "Not for diagnosis" in card
    assert "SIMULATED" in card
    assert "made-up heads" in (saved / "LICENSE").read_text()


def test_a_class_that_lists_people_is_not_published(trained, tmp_path):
    _, images = trained
    someone = images.subjects()[0]
    images.info["class_expressions"] = {"a": f"subject == '{someone}'", "b": "age > 60"}
    found = checkpoint.describe_training(images)["trained_on"]["class_expressions"]
    assert found == {"a": "chosen by subject", "b": "age > 60"}


def test_what_no_checkpoint_can_say_is_refused_before_training(trained):
    _, images = trained
    images.info["source"]["name"] = "two\nlines"
    with pytest.raises(DataError, match=r"trained_on\.dataset\.name"):
        checkpoint.describe_training(images)


def test_it_loads_through_its_plugin_and_verifies(trained, saved):
    loaded = checkpoint.load(saved)
    drawn = [np.concatenate(list(g.sample(5, seed=2))) for g in (trained[0], loaded)]
    assert np.array_equal(*drawn)
    found = checkpoint.verify(saved)
    assert found.exact
    assert found.passed


def test_verify_notices_weights_that_were_exchanged(saved):
    from brainzoo.checkpoint.weights_file import read_arrays, write_arrays

    path = saved / "model.safetensors"
    arrays = {name: array * np.float32(0.5) for name, array in read_arrays(path).items()}
    path.write_bytes(write_arrays(arrays))
    with pytest.raises(IntegrityError, match="does not match its digest"):
        checkpoint.verify(saved)
    change(saved, weights__sha256=sha256(path))
    found = checkpoint.verify(saved)
    assert not found.passed
    assert found.largest_difference > 0.1


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda f: (f / "config.json").unlink(), NotFoundError, "not a checkpoint"),
        (lambda f: (f / "config.json").write_text("{"), IntegrityError, "corrupt"),
        (lambda f: (f / "config.json").write_text("[" * 99999), IntegrityError, "corrupt"),
        (lambda f: (f / "config.json").write_text("[]"), IntegrityError, "not a checkpoint's"),
        (lambda f: change(f, format=99), IncompatiblePluginError, "format 99.*upgrade"),
        (lambda f: change(f, weights=None), IntegrityError, "weights: input should be"),
        (lambda f: change(f, plugin__name="nobody"), IncompatiblePluginError, "'nobody'"),
        (lambda f: change(f, plugin__requires="~=9.0.0"), IncompatiblePluginError, "9.0.0, found"),
        (
            lambda f: change(f, plugin__requires="new"),
            IntegrityError,
            r"plugin.requires: is not a range of versions .*'new'",
        ),
        (lambda f: change(f, plugin__name=["x"]), IntegrityError, "plugin.name: input"),
        (lambda f: (f / "model.safetensors").unlink(), IntegrityError, "lacks model.safetensors"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\x80\x04."), IntegrityError, "pickle"),
        (lambda f: change(f, hyperparameters={"evil": 1}), BrainzooError, "evil"),
    ],
)
def test_damage_is_one_clear_line(saved, damage, error, message):
    damage(saved)
    with pytest.raises(error, match=message):
        checkpoint.load(saved)


def test_a_damaged_reference_is_named(saved):
    (saved / "reference.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(IntegrityError, match="no readable reference"):
        checkpoint.verify(saved)
    np.save(saved / "reference.npy", np.zeros((16, 1, 16, 16), np.uint8))
    with pytest.raises(IntegrityError, match="does not match the digest"):
        checkpoint.verify(saved)
    np.save(saved / "reference.npy", np.zeros(3, np.uint8))
    with pytest.raises(IntegrityError, match="not an array of uint8"):
        checkpoint.verify(saved)


def test_nothing_is_overwritten_and_nothing_half_written(trained, saved, tmp_path, monkeypatch):
    generator, _ = trained
    with pytest.raises(ExistsError):
        generator.save(saved)

    def full(config, evaluators):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "model_card", full)
    with pytest.raises(DiskError, match="disk is full"):
        generator.save(tmp_path / "other")
    assert not list(tmp_path.glob("*other*"))


def test_a_model_that_diverged_is_not_saved(trained, tmp_path):
    generator, _ = trained
    generator._means[:] = np.nan
    with pytest.raises(DataError, match="drew values from nan"):
        generator.save(tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_verify_from_the_command_line(saved, brainzoo):
    assert "to the bit" in brainzoo("verify", saved).output
    from brainzoo.checkpoint.weights_file import read_arrays, write_arrays

    path = saved / "model.safetensors"
    path.write_bytes(write_arrays({k: v * np.float32(0) for k, v in read_arrays(path).items()}))
    change(saved, weights__sha256=sha256(path))
    failed = brainzoo("verify", saved)
    assert failed.exit_code == 6
    assert "makes other samples" in failed.stderr
