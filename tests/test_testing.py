"""The contract suites: brainzoo's own plugins keep them, and careless plugins are caught."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainzoo.testing import (
    DatasetContract,
    EvaluatorContract,
    ExporterContract,
    GeneratorContract,
    heads,
    make_head,
    make_images,
    make_volume,
)
from brainzoo.testing.generator import Trained
from brainzoo.volumes import read_volume, write_nifti


class TestNifti(ExporterContract):
    name = "nifti"


class TestPNG(ExporterContract):
    name = "png"


class TestFolder(DatasetContract):
    name = "folder"
    users_own_data = True

    def options_in(self, folder: Path) -> dict[str, Any]:
        for number in range(3):
            write_nifti(folder / f"sub-{number}_T1w.nii.gz", make_volume(seed=number))
        return {"root": folder}


class TestBIDS(DatasetContract):
    name = "bids"
    users_own_data = True

    def options_in(self, folder: Path) -> dict[str, Any]:
        for number in range(3):
            place = folder / f"sub-{number}" / "anat"
            place.mkdir(parents=True)
            write_nifti(place / f"sub-{number}_T1w.nii.gz", make_volume(seed=number))
        (folder / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.8.0"}')
        (folder / "participants.tsv").write_text(
            "participant_id\tage\tsex\nsub-0\t24\tF\nsub-1\t45\tM\nsub-2\t71\tF\n"
        )
        return {"root": folder}


Broken = Callable[..., Any]

CONFIG = """
    from dataclasses import dataclass
    from brainzoo import Spec, hookimpl
    from brainzoo.options import option

    @dataclass(frozen=True)
    class Config:
        strength: float = option(1.0, "How strong.")

    SPEC = Spec("broken", "broken_part:Part", Config, "A plugin that breaks its contract.")
"""


@pytest.fixture
def broken(install: Callable[..., Path]) -> Broken:
    """Return a function that installs a plugin of a kind from its source."""

    def add(contract: type[Any], part: str, config: str = CONFIG) -> Any:
        hook = f"""
            @hookimpl
            def brainzoo_{contract.kind}s():
                return [SPEC]
        """
        source = textwrap.dedent(config) + textwrap.dedent(hook)
        modules = {"broken_plugin": source, "broken_part": textwrap.dedent(part)}
        install("brainzoo-broken", {"broken": "broken_plugin"}, modules=modules)
        return type("Contract", (contract,), {"name": "broken"})()

    return add


def caught(match: str) -> pytest.RaisesExc[AssertionError]:
    return pytest.raises(AssertionError, match=match)


EXPORTER = """
    import gzip
    from brainzoo import Exporter

    def packed(images):
        return gzip.compress(str(images.info).encode())

    class Part(Exporter):
        def export(self, images, folder, *, run=None):
            {body}
"""


def test_a_class_of_another_kind_is_caught(broken: Broken) -> None:
    suite = broken(DatasetContract, EXPORTER.format(body="return []"))
    with caught("no subclass of brainzoo.Dataset"):
        suite.test_is_installed_and_loads()


def test_a_missing_method_is_caught(broken: Broken) -> None:
    part = "from brainzoo import Exporter\nclass Part(Exporter): pass"
    with caught("lacks the methods export"):
        broken(ExporterContract, part).test_is_installed_and_loads()


def test_a_constructor_that_works_is_caught_and_one_that_stores_is_not(broken: Broken) -> None:
    part = """
        from brainzoo import Exporter

        class Part(Exporter):
            def __init__(self, config):
                super().__init__(config)
                self.strength = config.strength
                self.double = 2 * config.strength if DOUBLE else None

            def export(self, images, folder, *, run=None):
                return []
    """
    suite = broken(ExporterContract, "DOUBLE = False\n" + textwrap.dedent(part))
    suite.test_constructor_only_stores()
    import broken_part  # type: ignore[import-not-found]

    broken_part.DOUBLE = True
    with caught("it must only store"):
        suite.test_constructor_only_stores()


@pytest.mark.parametrize(
    ("old", "new", "test", "match"),
    [
        ("frozen=True", "", "config_is_frozen_and_explains_every_option", "is not frozen"),
        ('"How strong."', '" "', "config_is_frozen_and_explains_every_option", "no help for stren"),
        ("from dataclasses", "import numpy\n    from dataclasses", "nothing_heavy_is", "numpy"),
        ('"A plugin that breaks its contract."', '""', "summary_is_one_line", "no summary"),
        ("its contract", "its " + "very " * 20 + "contract", "summary_is_one_line", "100 fit"),
    ],
)
def test_a_careless_description_is_caught(
    broken: Broken, old: str, new: str, test: str, match: str
) -> None:
    suite = broken(ExporterContract, EXPORTER.format(body="return []"), CONFIG.replace(old, new))
    name = next(n for n in dir(suite) if n.startswith(f"test_{test}"))
    with caught(match):
        getattr(suite, name)()


@pytest.mark.parametrize(
    ("body", "test", "match"),
    [
        ("return []", "writes_files_and_says_which", "nothing was exported"),
        ("return [folder / 'no']", "writes_files_and_says_which", "is no file"),
        (
            "folder.mkdir(); p = folder.parent / 'x'; p.write_text('x'); return [p]",
            "writes_files_and_says_which",
            "outside the folder",
        ),
        (
            "folder.mkdir(exist_ok=True); p = folder / 'x'; p.write_text('x'); return []",
            "returns_every_file",
            "not returned",
        ),
        (
            "folder.mkdir(); p = folder / 'x'; p.write_text(str(images.info)); return [p]",
            "synthetic_files_name_no_real_subject",
            "names a real subject",
        ),
        (
            "folder.mkdir(); p = folder / 'x.gz'; p.write_bytes(packed(images)); return [p]",
            "synthetic_files_name_no_real_subject",
            "names a real subject",
        ),
    ],
)
def test_a_careless_exporter_is_caught(
    broken: Broken, tmp_path: Path, body: str, test: str, match: str
) -> None:
    suite = broken(ExporterContract, EXPORTER.format(body=body))
    images = make_images(tmp_path / "synthetic", subjects=2, synthetic=True)
    with caught(match):
        getattr(suite, f"test_{test}")(images, tmp_path)


def test_an_exporter_that_overwrites_is_caught(broken: Broken, tmp_path: Path) -> None:
    body = "folder.mkdir(exist_ok=True); p = folder / 'x'; p.write_text('x'); return [p]"
    suite = broken(ExporterContract, EXPORTER.format(body=body))
    images = make_images(tmp_path / "synthetic", subjects=2, synthetic=True)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        suite.test_never_overwrites(images, tmp_path)


DATASET = """
    import random
    from brainzoo import Dataset, Subject
    from brainzoo.testing import make_volume

    class Part(Dataset):
        def subjects(self):
            {body}
"""


@pytest.mark.parametrize(
    ("body", "test", "match"),
    [
        ("return iter([])", "there_are_subjects", "yields no subject"),
        ("yield Subject(str(random.random()), make_volume)", "order_is_stable", "sort them"),
        ("yield Subject('', make_volume)", "ids_are_there_and_scans_unique", "empty id"),
        ("yield from [Subject('a', make_volume)] * 2", "ids_are_there_and_scans", "share id"),
        ("yield Subject('a', make_volume)", "generated_volumes_have_a_key", "without a key"),
        ("yield Subject('a', make_volume)", "says_under_which_licence", "states no licence"),
        ("yield Subject('a', lambda: make_volume(age=30), key='1')", "can_be_sent", "pickle"),
        (
            "yield Subject('a', make_volume, covariates={'date_of_birth': 'x'})",
            "covariates_identify_nobody",
            "may identify",
        ),
        (
            "yield Subject('a', make_volume, covariates={'scanned': '2006-03-01'})",
            "covariates_identify_nobody",
            "is a date",
        ),
        (
            "yield Subject('a', make_volume, covariates={'sex': '1'})",
            "covariates_are_plain",
            "expected F, M",
        ),
        (
            "yield Subject('a', make_volume, covariates={'age': 720})",
            "covariates_are_plain",
            "expected years",
        ),
    ],
)
def test_a_careless_dataset_is_caught(broken: Broken, body: str, test: str, match: str) -> None:
    suite = broken(DatasetContract, DATASET.format(body=body))
    name = next(n for n in dir(suite) if n.startswith(f"test_{test}"))
    with pytest.raises(Exception, match=match):
        getattr(suite, name)(suite.make())


EVALUATOR = """
    from brainzoo import Evaluation, Evaluator, Figure

    class Part(Evaluator):
        calls = 0

        def evaluate(self, *, train, test, synthetic, generator=None, seed):
            Part.calls += 1
            return Evaluation({what})
"""


@pytest.mark.parametrize(
    ("what", "test", "match"),
    [
        ("", "finds_something", "holds nothing"),
        ("[Figure('x', float('nan'), 1)]", "figures_can_be_believed", "x is nan"),
        ("[Figure('x', 1.0, 0)]", "figures_can_be_believed", "from how many"),
        ("[Figure('x', 1.0, 5, low=2.0, high=1.0)]", "figures_can_be_believed", "upside down"),
        ("[Figure('x', 1.0, 5)] * 2", "names_of_figures_are_unique", "occur twice"),
        ("pictures={'x': b'GIF89a'}", "pictures_are_png", "no PNG"),
    ],
)
def test_a_careless_evaluator_is_caught(
    broken: Broken, tmp_path: Path, what: str, test: str, match: str
) -> None:
    suite = broken(EvaluatorContract, EVALUATOR.format(what=what))
    real, synthetic = make_images(tmp_path / "real"), make_images(tmp_path / "s", synthetic=True)
    with caught(match):
        getattr(suite, f"test_{test}")(suite.evaluate(real, synthetic))


def test_an_evaluator_without_seed_or_checks_is_caught(broken: Broken, tmp_path: Path) -> None:
    suite = broken(EvaluatorContract, EVALUATOR.format(what="[Figure('x', Part.calls, 1)]"))
    real, synthetic = make_images(tmp_path / "real"), make_images(tmp_path / "s", synthetic=True)
    with caught("the same seed gives other figures"):
        suite.test_same_seed_same_figures(suite.evaluate(real, synthetic), real, synthetic)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        suite.test_subjects_in_both_splits_are_refused(real, synthetic)


GENERATOR = """
    import json
    import numpy as np
    from brainzoo import Generator, checkpoint

    class Part(Generator):
        def fit(self, images, run):
            self.images = images
            self.mean = images.floats().mean(0)
            run.progress.mkdir(parents=True)
            run.stats.write_text(json.dumps({{"images": 0, "losses": {{}}}}))

        def sample(self, n, *, seed, start=0, condition=None, batch_size=64):
            rng = np.random.default_rng(seed)
            for start in range(0, n, batch_size):
                count = min(batch_size, n - start)
                noise = rng.normal(0, 0.1, (count, *self.mean.shape))
                {body}

        def save(self, folder):
            folder.mkdir()
            (folder / "model.pt").write_bytes(b"\\x80\\x02")

        @classmethod
        def load(cls, folder):
            return cls(None)
"""


@pytest.mark.parametrize(
    ("body", "test", "match"),
    [
        ("yield (self.mean + noise).astype(np.float32)", "samples_are_images", "expected . or"),
        ("yield np.clip(self.mean + noise, 0, 1)", "samples_are_images", "float64"),
        ("yield np.full(noise.shape, np.nan, np.float32)", "samples_are_images", "not finite"),
        (
            "yield np.random.default_rng(count).random(noise.shape, dtype=np.float32)",
            "same_seed_same_samples_whatever",
            "batch size changes",
        ),
        (
            "yield np.clip(self.mean + noise, 0, 1).astype(np.float32)",
            "samples_from_an_index_on",
            "are others when sampling begins there",
        ),
        (
            "yield np.clip(self.mean + 0 * noise, 0, 1).astype(np.float32)",
            "different_seeds_and_samples_differ",
            "seed is idle",
        ),
        (
            "np.random.random(); yield np.clip(noise, 0, 1).astype(np.float32)",
            "sampling_leaves_global",
            "global random state",
        ),
        (
            "yield np.clip(self.images.floats([0]) + noise, 0, 1).astype(np.float32)[:1]",
            "batches_are_as_large",
            "came as",
        ),
        ("yield np.clip(noise, 0, 1)", "training_writes_statistics", "budget was"),
        ("yield np.clip(noise, 0, 1)", "training_writes_sample_grids", "no progress"),
        ("yield np.clip(noise, 0, 1)", "checkpoint_is_safetensors", "no model.safetensors"),
    ],
)
def test_a_careless_generator_is_caught(
    broken: Broken, tmp_path: Path, body: str, test: str, match: str
) -> None:
    suite = broken(GeneratorContract, GENERATOR.format(body=body))
    images = make_images(tmp_path / "images", subjects=10).where(split="train")
    generator, run = suite.fit(images, tmp_path / "run")
    generator.save(run.checkpoint)
    name = next(n for n in dir(suite) if n.startswith(f"test_{test}"))
    with caught(match):
        getattr(suite, name)(Trained(generator, images, run, 0.0))


def test_a_generator_that_looks_at_other_splits_is_caught(broken: Broken, tmp_path: Path) -> None:
    part = GENERATOR.format(body="yield np.clip(self.mean + noise, 0, 1).astype(np.float32)")
    peeking = part.replace("images.floats().mean(0)", "images._pixels.mean(0)")
    with caught("validation or test images were read"):
        broken(GeneratorContract, peeking).test_sees_nothing_but_the_images_it_is_given(tmp_path)


@pytest.mark.parametrize("spatial", [(32, 32), (24, 16), (16, 16, 16)])
def test_made_up_images_have_splits_by_subject_and_classes(
    spatial: tuple[int, ...], tmp_path: Path
) -> None:
    images = make_images(tmp_path / "images", spatial=spatial, subjects=20)
    assert images.spatial == spatial
    assert images.classes == ["young", "old"]
    people = [set(images.where(split=s).subjects()) for s in ("train", "validation", "test")]
    assert [len(group) for group in people] == [12, 4, 4]
    assert len(set.union(*people)) == 20
    for split in ("train", "validation", "test"):
        assert set(images.where(split=split).column("class")) == {"young", "old"}


def test_made_up_images_are_the_same_for_a_seed(tmp_path: Path) -> None:
    first, again = make_images(tmp_path / "1"), make_images(tmp_path / "2")
    assert first.fingerprint == again.fingerprint
    assert make_images(tmp_path / "3", seed=1).fingerprint != first.fingerprint


def test_synthetic_images_have_no_subjects(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", synthetic=True)
    assert images.synthetic
    assert not images.subjects()
    assert heads.SUBJECT not in str(images.table)


def test_ventricles_grow_with_age() -> None:
    dark = [(make_head((64, 64), age=age, seed=3)[20:44, 20:44] < 0.4).sum() for age in (25, 75)]
    assert dark[1] > 1.5 * dark[0]


def test_a_made_up_volume_survives_a_file(tmp_path: Path) -> None:
    volume = make_volume(seed=2)
    write_nifti(tmp_path / "head.nii.gz", volume)
    read = read_volume(tmp_path / "head.nii.gz")
    assert np.allclose(read.data, volume.data, atol=1)
    assert np.allclose(read.affine, volume.affine)
