"""Careless exporters, data sets and evaluators are caught by their contracts."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainzoo.testing import DatasetContract, EvaluatorContract, ExporterContract, make_images

from .conftest import CONFIG, Broken, caught

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
    with caught("subclass of brainzoo.Dataset"):
        suite.test_is_installed_and_loads()


def test_a_missing_method_is_caught(broken: Broken) -> None:
    part = "from brainzoo import Exporter\nclass Part(Exporter): pass"
    with caught("lacks the methods export"):
        broken(ExporterContract, part).test_is_installed_and_loads()


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
        ("return [folder / 'no']", "writes_files_and_says_which", "is not a file"),
        (
            "folder.mkdir(); p = folder.parent / 'x'; p.write_text('x'); return [p]",
            "writes_files_and_says_which",
            "outside the folder",
        ),
        (
            "folder.mkdir(); [(folder / n).write_text('x') for n in 'xy']; return [folder / 'x']",
            "writes_files_and_says_which",
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


@pytest.mark.parametrize(
    "where", ["folder.parent / 'x'", "pathlib.Path('x')", "pathlib.Path.home() / 'x'"]
)
def test_an_exporter_that_writes_outside_its_folder_is_caught(
    broken: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    body = f"import pathlib; folder.mkdir(); ({where}).write_text('x'); return []"
    suite = broken(ExporterContract, EXPORTER.format(body=body))
    images = make_images(tmp_path / "synthetic", subjects=2, synthetic=True)
    with caught("outside its folder"):
        suite.test_writes_nowhere_else(images, tmp_path, monkeypatch)


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
        ("yield Subject(str(random.random()), {'x': make_volume})", "order_is_stable", "sort them"),
        ("yield Subject('', {'x': make_volume})", "ids_are_there_and_scans_unique", "empty id"),
        (
            "yield from [Subject('a', {'x': make_volume})] * 2",
            "ids_are_there_and_scans",
            "share id",
        ),
        ("yield Subject('a', {'x': make_volume})", "generated_volumes_have_a_key", "without a key"),
        ("yield Subject('a', {'x': make_volume})", "says_under_which_licence", "states no licence"),
        (
            "yield Subject('a', {'x': lambda: make_volume(age=30)}, key='1')",
            "can_be_sent",
            "pickle",
        ),
        (
            "yield Subject('a', {'x': make_volume}, covariates={'date_of_birth': 'x'})",
            "covariates_identify_nobody",
            "may identify",
        ),
        (
            "yield Subject('a', {'x': make_volume}, covariates={'scanned': '2006-03-01'})",
            "covariates_identify_nobody",
            "is a date",
        ),
        (
            "yield Subject('a', {'x': make_volume}, covariates={'sex': '1'})",
            "covariates_are_plain",
            "expected F, M",
        ),
        (
            "yield Subject('a', {'x': make_volume}, covariates={'age': 720})",
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
    from brainzoo import Evaluation, Evaluator, MetricValue

    class Part(Evaluator):
        calls = 0

        def evaluate(self, sets):
            Part.calls += 1
            return Evaluation({what})
"""


@pytest.mark.parametrize(
    ("what", "test", "match"),
    [
        ("", "finds_something", "holds nothing"),
        ("[MetricValue('x', float('nan'), 1)]", "figures_can_be_believed", "x is nan"),
        ("[MetricValue('x', 1.0, 0)]", "figures_can_be_believed", "from how many"),
        ("[MetricValue('x', 1.0, 5, low=2.0, high=1.0)]", "figures_can_be_believed", "upside down"),
        ("[MetricValue('x', 1.0, 5)] * 2", "names_of_figures_are_unique", "occur twice"),
        ("pictures={'x': b'GIF89a'}", "pictures_are_png_or_svg", "neither a PNG"),
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
    suite = broken(EvaluatorContract, EVALUATOR.format(what="[MetricValue('x', Part.calls, 1)]"))
    real, synthetic = make_images(tmp_path / "real"), make_images(tmp_path / "s", synthetic=True)
    with caught("the same seed gives other values"):
        suite.test_same_seed_same_figures(suite.evaluate(real, synthetic), real, synthetic)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        suite.test_subjects_in_both_splits_are_refused(real, synthetic)
