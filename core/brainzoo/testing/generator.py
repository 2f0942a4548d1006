"""What every generator must do."""

# ruff: noqa: D102 (the names of the tests say what they ask)

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from brainzoo import checkpoint as checkpoints
from brainzoo.checkpoint.weights_file import read_header
from brainzoo.common.errors import BrainzooError, DataError, OptionError
from brainzoo.data.images import Images
from brainzoo.data.packing import packed, seen_by, unpacked
from brainzoo.plugin.capabilities import Reconstructs, Scores
from brainzoo.plugin.interfaces import Generator
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.testing.heads import SUBJECT, make_images
from brainzoo.testing.plugin import (
    PICKLES,
    PluginContract,
    Trained,
    files_below,
    global_random_state,
    pressing_ctrl_c,
    samples,
)


class GeneratorContract(PluginContract):
    """Trains on tiny made-up heads through a real run folder and asks what users rely on.

    ``shapes`` are those of the images; add one of three numbers if the generator makes 3-D images.
    The ``budget`` of images seen is small, because nothing here asks for good images. A generator
    of models by others says ``trains = False`` and defines :meth:`published`; what asks for
    training is then skipped.
    """

    kind = "generator"
    base = Generator
    shapes: ClassVar[Sequence[tuple[int, ...]]] = ((32, 32),)
    budget: ClassVar[int] = 64
    batch_size: ClassVar[int] = 8
    trains: ClassVar[bool] = True

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run every test that uses a trained generator once a shape."""
        if "trained" in metafunc.fixturenames:
            names = ["x".join(map(str, shape)) for shape in self.shapes]
            metafunc.parametrize("trained", self.shapes, ids=names, indirect=True, scope="class")

    @pytest.fixture(scope="class")
    @classmethod
    def trained(
        cls, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> Trained:
        """Train once for all tests of a shape, on images of two classes."""
        folder = tmp_path_factory.mktemp(cls.name)
        images = make_images(folder / "images", spatial=request.param).where(split="train")
        if not cls.trains:
            run = Run(folder / "run", TrainConfig(images=cls.budget, device="cpu"))
            shutil.copytree(cls.published(folder), run.checkpoint)
            return Trained(cls.load(run.checkpoint), images, run)
        generator, run = cls.fit(images, folder / "run")
        generator.save(run.checkpoint)
        return Trained(generator, images, run)

    @classmethod
    def fit(
        cls, images: Images, folder: Path, *, resume: bool = False, **train: Any
    ) -> tuple[Generator, Run]:
        """Train a new generator in a run folder."""
        if not cls.trains:
            pytest.skip("it does not train")
        settings = {"images": cls.budget, "batch_size": cls.batch_size, "device": "cpu", **train}
        run = Run(folder, TrainConfig(**{"grids": 2, **settings}), resume=resume)
        generator: Generator = cls.make()
        generator.fit(images, run)
        return generator, run

    @classmethod
    def published(cls, folder: Path) -> Path:
        """Return a checkpoint that makes images of the first shape, where nothing trains."""
        raise NotImplementedError

    @classmethod
    def load(cls, folder: Path) -> Generator:
        """Read a checkpoint with the plugin's class."""
        loaded: Generator = type(cls.make()).load(folder)
        return loaded

    def test_training_writes_statistics(self, trained: Trained) -> None:
        if not self.trains:
            pytest.skip("it does not train")
        lines = [json.loads(text) for text in trained.run.stats.read_text().splitlines()]
        assert lines, "stats.jsonl is empty"
        seen = [line["images"] for line in lines]
        assert seen == sorted(set(seen)), f"images seen do not grow: {seen}"
        assert seen[-1] == self.budget, f"{seen[-1]} images seen; the budget was {self.budget}"
        for line in lines:
            assert line["losses"], "a line of stats.jsonl has no losses"
            assert np.isfinite(list(line["losses"].values())).all(), f"not finite: {line['losses']}"

    def test_training_writes_sample_grids_from_noise_on(self, trained: Trained) -> None:
        if not self.trains:
            pytest.skip("it does not train")
        grids = sorted(p.stem for p in trained.run.progress.glob("*.png") if p.stem.isdigit())
        assert grids, "there are no progress/*.png"
        assert int(grids[0]) == 0, f"the first grid is of {grids[0]} images, not of noise"
        assert int(grids[-1]) == self.budget, f"the last grid is of {grids[-1]} images"

    def test_says_how_well_it_fits_images(self, trained: Trained) -> None:
        if not hasattr(trained.generator, "validate"):
            pytest.skip("only a TorchGenerator does")
        import torch

        generator: Any = trained.generator
        network, some, others = generator.network, trained.images[:5], trained.images[5:9]
        with torch.inference_mode():  # as training calls them
            found = {"validate": generator.validate(network, some)}
            found |= generator.watch(network, some, others)
        assert all(np.isfinite(float(value)) for value in found.values()), f"not finite: {found}"

    def test_samples_are_images_of_the_trained_shape(self, trained: Trained) -> None:
        pixels = samples(trained.generator, 5, batch_size=2)
        assert pixels.shape == (5, trained.images.channels, *trained.images.spatial)
        assert pixels.dtype == np.float32, f"samples are {pixels.dtype}; expected float32"
        assert np.isfinite(pixels).all(), "samples are not finite"
        assert pixels.min() >= 0, f"the least pixel is {pixels.min():g}; expected 0 or more"
        assert pixels.max() <= 1, f"the greatest pixel is {pixels.max():g}; expected 1 or less"

    def test_batches_are_as_large_as_asked_for(self, trained: Trained) -> None:
        batches = [len(batch) for batch in trained.generator.sample(7, seed=0, batch_size=3)]
        assert batches == [3, 3, 1], f"7 samples in batches of 3 came as {batches}"
        assert not list(trained.generator.sample(0, seed=0)), "asked for none, samples came"

    def test_same_seed_same_samples_whatever_the_batch_size(self, trained: Trained) -> None:
        at_once = samples(trained.generator, 11, batch_size=11)
        one_by_one = samples(trained.generator, 11, batch_size=1)
        assert np.array_equal(at_once, one_by_one), (
            "the batch size changes the samples of a seed; draw latents by the sample's index and "
            "compute in chunks of one size (brainzoo.training: latents, in_chunks)"
        )
        more = samples(trained.generator, 20, batch_size=7)[:11]
        assert np.array_equal(at_once, more), "how many are asked for changes the first samples"

    def test_samples_from_an_index_on_are_the_same(self, trained: Trained) -> None:
        whole = samples(trained.generator, 20, batch_size=20)
        for start, n in ((3, 5), (8, 12), (17, 2)):
            part = samples(trained.generator, n, start=start, batch_size=4)
            assert np.array_equal(whole[start : start + n], part), (
                f"samples {start} to {start + n - 1} differ when sampling begins there: "
                "several processes would make other images (brainzoo.training: in_chunks, start)"
            )
        drawn = trained.generator.conditions(20, seed=5)
        assert len(drawn) == 20, f"{len(drawn)} conditions of 20 samples"
        for start in (0, 9):
            part_drawn = trained.generator.conditions(4, seed=5, start=start)
            assert drawn[start : start + 4] == part_drawn, "conditions change with n or start"

    def test_different_seeds_and_samples_differ(self, trained: Trained) -> None:
        first = samples(trained.generator, 4, seed=1)
        assert not np.array_equal(first, samples(trained.generator, 4, seed=2)), "the seed is idle"
        assert not np.array_equal(first[0], first[1]), "all samples of a seed are the same image"

    def test_sampling_leaves_global_randomness_alone(self, trained: Trained) -> None:
        before = global_random_state()
        samples(trained.generator, 2)
        assert global_random_state() == before, "sampling draws from a global random state"

    def test_samples_of_a_class(self, trained: Trained) -> None:
        for unknown in ({"no such covariate": 1.0}, {"class": "no such class"}):
            with pytest.raises(OptionError):
                samples(trained.generator, 1, condition=unknown)
        try:
            old = samples(trained.generator, 3, condition={"class": "old"})
        except OptionError:
            return  # a model without conditions says so
        assert old.shape[0] == 3
        drawn = trained.generator.conditions(3, seed=5, condition={"class": "old"})
        assert all(row.get("class") == "old" for row in drawn), f"asked for old, it drew {drawn}"

    def test_trains_without_classes_and_then_knows_none(self, tmp_path: Path) -> None:
        images = make_images(tmp_path / "images", spatial=self.shapes[0], classes=())
        generator, _ = self.fit(images.where(split="train"), tmp_path / "run")
        assert samples(generator, 2).shape[0] == 2
        with pytest.raises(OptionError):
            samples(generator, 1, condition={"class": "old"})

    @pytest.fixture(scope="class")
    @classmethod
    def labelled(cls, tmp_path_factory: pytest.TempPathFactory) -> Trained:
        """Train once on images of two channels with label maps; all of them are ``images``."""
        folder = tmp_path_factory.mktemp(cls.name)
        made = make_images(folder / "images", spatial=cls.shapes[0], channels=2, labels=True)
        # As a run does: labels become channels.
        generator, run = cls.fit(packed(made.where(split="train")), folder / "run")
        generator.save(run.checkpoint)
        return Trained(generator, made, run)

    def test_makes_images_of_two_channels_with_label_maps(self, labelled: Trained) -> None:
        generator, made, images = labelled.generator, labelled.images, packed(labelled.images)
        pixels = samples(generator, 3)
        assert pixels.shape == (3, images.channels, *images.spatial), (
            f"samples of images with {images.channels} channels have the shape {pixels.shape}"
        )
        shown, labels = unpacked(pixels, made.info)
        assert shown.shape[1] == 2
        assert labels is not None, "the label maps are lost"
        assert set(np.unique(labels)) <= {0, 1, 2}
        assert not np.array_equal(shown[:, 0], shown[:, 1]), "both channels are the same"
        assert np.array_equal(pixels, samples(self.load(labelled.run.checkpoint), 3)), (
            "a loaded checkpoint of two channels gives other samples"
        )

    def test_is_asked_about_images_with_their_label_maps(self, labelled: Trained) -> None:
        generator = checkpoints.load(labelled.run.checkpoint)
        images = labelled.images.where(split="test")
        pixels = seen_by(generator, images).floats()
        assert pixels.shape[1:] == samples(generator, 1).shape[1:]
        assert np.array_equal(pixels[:, : images.channels], images.floats())
        if isinstance(generator, Reconstructs):
            assert generator.reconstruct(pixels).mean.shape == pixels.shape
            for name, scores in generator.anomaly_scores(pixels).items():
                assert scores.shape == pixels.shape, f"{name} has the shape {scores.shape}"
        if isinstance(generator, Scores):
            found = generator.score(pixels)
            assert found.shape == (len(images),)
            assert np.isfinite(found).all(), f"scores are not finite: {found}"
        with pytest.raises(DataError):
            seen_by(generator, images.without_labels())

    def test_checkpoint_gives_the_same_samples(self, trained: Trained) -> None:
        loaded = checkpoints.load(trained.run.checkpoint)  # found by the plugin's name in it
        assert type(loaded) is type(trained.generator)
        same = np.array_equal(samples(trained.generator, 4), samples(loaded, 4))
        assert same, "a loaded checkpoint gives other samples than the generator that was saved"

    def test_checkpoint_is_safetensors_and_no_pickle(self, trained: Trained) -> None:
        files = files_below(trained.run.checkpoint)
        assert "model.safetensors" in files, f"no model.safetensors among {', '.join(files)}"
        for name, content in files.items():
            path = trained.run.checkpoint / name
            if path.suffix == ".safetensors":
                read_header(path)  # its length comes first and may look like any magic number
            elif path.suffix == ".npy":
                np.load(path, allow_pickle=False)
            else:
                # 0x80 and a protocol open a pickle, PK a zip archive as torch.save writes it.
                pickled = content[:1] == b"\x80" or content[:2] == b"PK" or path.suffix in PICKLES
                assert not pickled, f"{name} may run code when loaded; write safetensors and JSON"

    def test_checkpoint_names_no_subject(self, trained: Trained) -> None:
        for name, content in files_below(trained.run.checkpoint).items():
            assert SUBJECT.encode() not in content, f"{name} holds the id of a real subject"

    def test_damaged_and_foreign_checkpoints_are_refused(
        self, trained: Trained, tmp_path: Path
    ) -> None:
        from safetensors.numpy import load, save

        whole = (trained.run.checkpoint / "model.safetensors").read_bytes()
        weights = load(whole)
        name = max(weights, key=lambda key: weights[key].size)
        larger = save({**weights, name: np.concatenate([weights[name]] * 2)})
        damages = [
            (whole, "plugin", "name", "another"),
            (whole[: len(whole) // 2], "plugin", "name", self.name),
            # The digest agrees, so that the shape itself must be noticed.
            (larger, "weights", "sha256", hashlib.sha256(larger).hexdigest()),
        ]
        for number, (content, part, key, value) in enumerate(damages):
            copy = shutil.copytree(trained.run.checkpoint, tmp_path / str(number))
            config = json.loads((copy / "config.json").read_text())
            config[part][key] = value
            (copy / "config.json").write_text(json.dumps(config))
            (copy / "model.safetensors").write_bytes(content)
            with pytest.raises(BrainzooError):
                self.load(copy)

    def test_interrupted_and_resumed_equals_uninterrupted(
        self, trained: Trained, tmp_path: Path
    ) -> None:
        with suppress(KeyboardInterrupt):
            self.fit(pressing_ctrl_c(trained.images, reads=4), tmp_path)
        resumed, run = self.fit(trained.images, tmp_path, resume=True)
        resumed.save(run.checkpoint)
        assert np.array_equal(samples(trained.generator, 4), samples(resumed, 4)), (
            "training that was interrupted and resumed ends in another model"
        )
        weights = [r.checkpoint / "model.safetensors" for r in (trained.run, run)]
        assert weights[0].read_bytes() == weights[1].read_bytes(), "the weights differ"
