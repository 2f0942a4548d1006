"""Checkpoints by reference, and what a loaded generator offers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import brainzoo
from brainzoo import Images
from brainzoo.common.errors import NotFoundError, OptionError
from brainzoo.common.files import write_text
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.testing.heads import make_images
from brainzoo.zoo.loading import find_checkpoint, generator_of

from ..conftest import Brainzoo, Install

NAME = "tiny-heads-16"


@pytest.fixture
def run(tiny: Path, tmp_path: Path) -> Path:
    """Return the folder of a run that holds a checkpoint of two classes."""
    from brainzoo_tiny.config import TinyConfig
    from brainzoo_tiny.generator import Tiny

    images = make_images(tmp_path / "images", spatial=(16, 16)).where(split="train")
    generator, folder = Tiny(TinyConfig(noise=0.05)), tmp_path / "run"
    folder.mkdir()
    generator.fit(images, Run(folder, TrainConfig(images=16)))
    generator.save(folder / "checkpoint")
    return folder


@pytest.fixture
def shelf(run: Path, install: Install) -> None:
    """Install a package that holds the checkpoint and lists it."""
    from brainzoo.zoo.entry import PackageSource, entry_of
    from brainzoo.zoo.registry import dump_entries

    site = install("brainzoo-shelf", {"shelf": "brainzoo_shelf.plugin"})
    package = site / "brainzoo_shelf"
    package.mkdir()
    (run / "checkpoint").rename(package / NAME)
    source = PackageSource(package="brainzoo-shelf", path=f"brainzoo_shelf/{NAME}")
    entry = entry_of(package / NAME, name=NAME, version="1.0.0", source=source)
    fragment = f"schema: 1\ncheckpoints:\n{dump_entries([entry])}"
    write_text(package / "registry.yaml", fragment)
    write_text(package / "__init__.py", "")
    write_text(
        package / "plugin.py",
        "from pathlib import Path\nfrom brainzoo import hookimpl\n\n\n@hookimpl\n"
        "def brainzoo_registry():\n    return Path(__file__).parent / 'registry.yaml'\n",
    )


def test_a_folder_gives_a_generator_of_which_all_images_are_one_array(run: Path) -> None:
    for folder in (run, str(run), run / "checkpoint"):
        generator = brainzoo.load(folder)
        assert generator.folder == run / "checkpoint"
    with pytest.raises(OptionError, match="0 images were asked for"):
        generator.images(0)
    pixels = generator.images(70, seed=3)
    assert pixels.shape == (70, 1, 16, 16)
    assert np.array_equal(pixels, np.concatenate(list(generator.sample(70, seed=3))))
    old = generator.images(2, seed=0, condition={"class": "old"})
    assert np.array_equal(
        old, np.concatenate(list(generator.sample(2, seed=0, condition={"class": "old"})))
    )


def test_sampling_options_are_the_checkpoint_s_unless_given(run: Path, tmp_path: Path) -> None:
    young = {"class": "young"}
    noisy = brainzoo.load(run).images(8, condition=young)
    still = brainzoo.load(run, noise=0)
    assert noisy.std(axis=0).mean() > 0.01
    assert np.ptp(still.images(8, condition=young), axis=0).max() == 0
    still.save(tmp_path / "still")
    assert (
        json.loads((tmp_path / "still" / "config.json").read_text())["hyperparameters"]["noise"]
        == 0
    )
    assert np.array_equal(brainzoo.load(run).images(8, condition=young), noisy)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"nose": 1}, "no sampling option 'nose'. Did you mean 'noise'?"),
        ({"bold": True}, "no sampling option 'bold'. Known: noise."),
        ({"noise": -1}, "sampling option 'noise': -1 is too small; expected at least 0."),
    ],
)
def test_sampling_options_that_do_not_fit(run: Path, given: dict[str, object], line: str) -> None:
    with pytest.raises(OptionError) as refused:
        brainzoo.load(run, **given)
    assert line in str(refused.value)


def test_what_is_no_checkpoint_is_said(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="not a checkpoint, nor a run"):
        brainzoo.load(tmp_path)
    with pytest.raises(NotFoundError, match="no checkpoint named 'no-such-model'"):
        brainzoo.load("no-such-model")
    with pytest.raises(OptionError, match="not the address of a checkpoint"):
        brainzoo.load("No Such Model")


def test_only_what_was_loaded_is_published(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, sent = brainzoo.load(run), []
    monkeypatch.setattr("brainzoo.zoo.loading.push", lambda *what, **how: sent.append((what, how)))
    loaded.push("me/heads", dry_run=True)
    assert sent == [((run / "checkpoint", "me/heads"), {"dry_run": True})]


@pytest.mark.usefixtures("shelf")
def test_a_name_is_found_and_its_weights_need_not_be_there_to_tell_the_generator() -> None:
    assert generator_of(NAME) == "tiny"
    assert generator_of(f"{NAME}@1.0.0") == "tiny"
    assert find_checkpoint(NAME).name == NAME
    assert brainzoo.load(NAME, noise=0).images(3).shape == (3, 1, 16, 16)
    with pytest.raises(NotFoundError, match="has no version 2"):
        brainzoo.load(f"{NAME}@2.0.0")


@pytest.mark.usefixtures("shelf")
def test_names_work_on_the_command_line(brainzoo: Brainzoo) -> None:
    done = brainzoo("sample", NAME, "-n", 5, "--noise", 0.01, "--out", "made")
    assert done.exit_code == 0, done.stderr
    images = Images.open("made")
    assert (len(images), images.info["sampling"]) == (5, {"noise": 0.01})
    assert "to the bit" in brainzoo("verify", NAME).stdout
    text = brainzoo("sample", NAME, "--help").stdout
    assert "--noise X" in text
    assert "--bold" not in text, "options of training mean nothing here"
    wrong = brainzoo("sample", NAME, "--noice", 1, "--out", "more")
    assert wrong.exit_code == 2
    assert "Did you mean --noise?" in wrong.stderr
    assert brainzoo("sample", "tiny-head-16", "--out", "more").exit_code == 3
    assert not Path("more").exists()
