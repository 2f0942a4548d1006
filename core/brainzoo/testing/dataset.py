"""What every dataset must do."""

# ruff: noqa: D102 (the names of the tests say what they ask)

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from brainzoo.data.subjects import Subject
from brainzoo.plugin.interfaces import Dataset
from brainzoo.plugin.options import make_config
from brainzoo.preparation.prepare import PrepareConfig, prepare
from brainzoo.testing.plugin import PluginContract

PERSONAL = re.compile(
    r"(^|_)(name|first_?name|last_?name|surname|initials|dob|birth\w*|date_of_birth|address|street|"
    r"postcode|zip|phone|telephone|e?mail|ssn|mrn|patient_?id|insurance\w*)($|_)",
    re.IGNORECASE,
)
"""Names of columns that identify a person."""

DATE = re.compile(r"^\s*\d{1,4}[-./]\d{1,2}[-./]\d{1,4}")


class DatasetContract(PluginContract):
    """Reads a dataset as preparing does and asks what users and subjects rely on.

    A dataset that needs files overrides :meth:`options_in` and writes a few there.
    ``users_own_data``: only the user knows the licence, because the files are the user's.
    ``prepare_options``: how three scans are prepared, where the defaults do not suit them.
    """

    kind = "dataset"
    base = Dataset
    users_own_data: ClassVar[bool] = False
    prepare_options: ClassVar[Mapping[str, Any]] = {}

    def options_in(self, folder: Path) -> dict[str, Any]:
        """Return the options to test with; ``folder`` is empty and may be filled first."""
        return dict(self.options)

    @pytest.fixture(autouse=True)
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Keep what the dataset downloads or caches out of the user's own folder."""
        monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))

    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Dataset:
        """The dataset, ready to be read."""
        (tmp_path / "files").mkdir()
        made: Dataset = self.make(**self.options_in(tmp_path / "files"))
        made.download()
        return made

    def test_there_are_subjects(self, dataset: Dataset) -> None:
        assert next(iter(dataset.subjects()), None), "the dataset yields no subject"

    def test_order_is_stable(self, dataset: Dataset) -> None:
        first, again = list(dataset.subjects()), list(type(dataset)(dataset.config).subjects())
        assert [described(s) for s in first] == [described(s) for s in again], (
            "two readings yield different subjects or another order; sort them"
        )

    def test_ids_are_there_and_scans_unique(self, dataset: Dataset) -> None:
        keys = []
        for subject in dataset.subjects():
            assert isinstance(subject.id, str), f"id {subject.id!r} is not text"
            assert subject.id.strip(), "a subject has an empty id"
            keys.append((subject.id, subject.scan))
        twice = {key for key in keys if keys.count(key) > 1} if len(keys) < 2000 else set()
        assert not twice, f"several scans share id and scan: {sorted(twice)[:3]}"

    def test_covariates_identify_nobody(self, dataset: Dataset) -> None:
        for subject in dataset.subjects():
            for name, value in subject.covariates.items():
                assert not PERSONAL.search(name), f"covariate {name!r} may identify a person"
                date = isinstance(value, str) and DATE.match(value)
                assert not date, f"covariate {name!r} of {subject.id} is a date: {value}"

    def test_covariates_are_plain_and_in_known_units(self, dataset: Dataset) -> None:
        for subject in dataset.subjects():
            for name, value in subject.covariates.items():
                assert value is None or isinstance(value, str | int | float), (
                    f"covariate {name!r} of {subject.id} is a {type(value).__name__}"
                )
            age, sex = subject.covariates.get("age"), subject.covariates.get("sex")
            known = age is None or (isinstance(age, int | float) and 0 <= age <= 120)
            assert known, f"age of {subject.id} is {age!r}; expected years or None"
            assert sex in (None, "F", "M"), f"sex of {subject.id} is {sex!r}; expected F, M or None"

    def test_says_under_which_licence(self, dataset: Dataset) -> None:
        if self.users_own_data:
            return
        stated = dataset.license.strip().lower() not in ("", "unknown")
        assert stated, "the dataset states no licence; set the class attribute license"

    def test_becomes_images(self, dataset: Dataset, tmp_path: Path) -> None:
        small = {"size": 32, "slices": 2, "max_subjects": 3, "split_fractions": (1.0, 0.0, 0.0)}
        config = make_config(PrepareConfig, {**small, **self.prepare_options}, "option of data")
        images = prepare(
            dataset, config, name=self.name, out=tmp_path / "images", workers=1, quiet=True
        )
        assert not images.info["failed"], f"scans that cannot be used: {images.info['failed']}"
        for image in images.floats():
            assert image.max() > image.min(), "an image is the same everywhere"
        named = [name for row in images.table for name in row if PERSONAL.search(name)]
        assert not named, f"the table of the images holds {named[0]!r}"

    def test_can_be_sent_to_workers(self, dataset: Dataset) -> None:
        sent = pickle.loads(pickle.dumps(dataset))
        assert [described(s) for s in sent.subjects()] == [described(s) for s in dataset.subjects()]
        first = next(dataset.subjects())
        assert described(pickle.loads(pickle.dumps(first))) == described(first)

    def test_generated_volumes_have_a_key(self, dataset: Dataset) -> None:
        for subject in dataset.subjects():
            sources = [*subject.images.values(), subject.labels]
            assert subject.key or not any(map(callable, sources)), (
                f"a source of {subject.id} is a function without a key; the cache needs one that "
                "changes with the content"
            )

    def test_download_again_returns_at_once(self, dataset: Dataset, tmp_path: Path) -> None:
        def stamps() -> dict[Path, int]:
            return {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}

        before = stamps()
        dataset.download()
        assert stamps() == before, "a second download wrote files again"


def described(subject: Subject) -> tuple[Any, ...]:
    """Return what identifies a scan; functions as sources are compared by their key."""
    named = {**subject.images, "labels": subject.labels, "mask": subject.mask}
    sources = tuple((name, subject.key if callable(s) else s) for name, s in named.items())
    covariates = tuple(sorted(subject.covariates.items()))
    return subject.id, subject.scan, subject.class_name, sources, covariates
