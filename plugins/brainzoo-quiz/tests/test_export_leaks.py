"""A study that tells which images are real is refused before it is there."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from brainzoo.common.errors import DataError
from brainzoo_quiz import exporting
from brainzoo_quiz.audit import exact
from brainzoo_quiz.study.key import Key
from brainzoo_quiz.study.package import Package

from . import pools
from .serving import changed


def test_exchanged_labels_change_nothing_but_pixels_commitment_and_practice(made, opened):
    package, key = opened
    names = {case.case: case.images for case in package.cases}
    orders = tuple(tuple((key.tokens(s.session)[p.token][0].case, key.tokens(s.session)[p.token][1])
                         for p in s.order) for s in package.seats)  # fmt: skip
    hidden = exporting.Secrets(names, tuple(s.session for s in package.seats), orders)
    other = exporting.make_package(
        exact.exchanged(key),
        hidden,
        preset=package.preset,
        settings=package.settings,
        image=package.image,
    )
    exact.expect_same_package(package, other)
    first, second = package.content(), other.content()
    assert {name for name in first if first[name] != second[name]} == {"commitment", "cases"}
    assert first["seats"] == second["seats"]


def test_a_page_that_depends_on_labels_is_refused(both, tmp_path, monkeypatch):
    plain = exact.static_page

    def leaking(data: Any, shown: Any) -> str:
        return plain(data, shown) + hashlib.sha256(repr(shown).encode()).hexdigest()

    monkeypatch.setattr(exact, "static_page", leaking)
    with pytest.raises(DataError, match="leak: pages: they differ at character") as caught:
        pools.study(tmp_path / "study", *both)
    assert caught.value.exit_code == 9


def test_a_package_that_depends_on_labels_is_refused(both, tmp_path, monkeypatch):
    plain = exporting.make_package

    def leaking(key: Key, *more: Any, **options: Any) -> Package:
        truths = {case.case: case.truth for case in key.cases}
        package = plain(key, *more, **options)
        cases = sorted(package.cases, key=lambda case: truths[case.case])
        return changed(package, cases=tuple(cases))

    monkeypatch.setattr(exporting, "make_package", leaking)
    with pytest.raises(DataError, match=r"leak: study\.json: cases differ when labels"):
        pools.study(tmp_path / "study", *both)
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p: p.write_bytes(p.read_bytes() + b"0"), "leak: length of image files"),
        (lambda p: p.chmod(0o600), "leak: mode of image files"),
        (lambda p: p.touch(), "leak: time of image files"),
        (lambda p: p.rename(p.with_name("real.raw")), "leak: names of image files"),
    ],
)
def test_a_file_that_differs_is_refused(both, tmp_path, monkeypatch, spoil, said):
    plain = exact.expect_clean_folder

    def spoiled(folder: Path, package: Package, key: Key) -> None:
        spoil(next(iter((folder / "server" / "images").iterdir())))
        plain(folder, package, key)

    monkeypatch.setattr(exact, "expect_clean_folder", spoiled)
    with pytest.raises(DataError, match=said):
        pools.study(tmp_path / "study", *both)
    assert list(tmp_path.iterdir()) == []


def test_a_page_with_the_salt_in_it_is_refused(made, opened):
    package, key = opened
    other = changed(key, salt=package.study)  # what the pages do hold
    exact.expect_clean_folder(made, package, key)
    with pytest.raises(DataError, match="it holds the key's salt"):
        exact.expect_clean_folder(made, package, other)
