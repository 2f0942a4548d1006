"""Nothing but pixels depends on what is real, and a folder that shows more is refused."""

import base64
from pathlib import Path

import pytest

from brainzoo.common.errors import DataError
from brainzoo_quiz import exporter
from brainzoo_quiz.audit.folder import expect_clean_folder
from brainzoo_quiz.study.cases import Secrets, make_package
from brainzoo_quiz.study.key import DESIGNS, Case, Key
from brainzoo_quiz.study.package import Package

from . import pools
from .serving import changed


def exchanged(case: Case) -> Case:
    words = DESIGNS["yes-no"]
    return changed(case, truth=words[1 - words.index(case.truth)], sources=case.sources[::-1])


def test_exchanged_labels_change_nothing_but_pixels_commitment_and_practice(opened):
    package, key = opened
    names = {case.case: case.images for case in package.cases}
    orders = tuple(tuple((key.tokens(s.session)[p.token][0].case, key.tokens(s.session)[p.token][1])
                         for p in s.order) for s in package.seats)  # fmt: skip
    hidden = Secrets(names, tuple(s.session for s in package.seats), orders)
    other = make_package(
        changed(key, cases=tuple(map(exchanged, key.cases))),
        hidden,
        preset=package.preset,
        settings=package.settings,
        image=package.image,
    )
    first, second = package.content(), other.content()
    assert {name for name in first if first[name] != second[name]} == {"commitment", "cases"}
    assert {case.case for case, o in zip(package.cases, other.cases, strict=True) if case != o} == {
        case.case for case in package.cases if case.phase == "practice"
    }


def test_a_page_depends_on_nothing_but_its_pixels(opened):
    package, _ = opened
    pages = []
    for byte in (b"0", b"1"):
        pixels = {i: byte * package.image.bytes for case in package.cases for i in case.images}
        page = exporter.page_of(package, package.seats[0], pixels)
        pages.append(page.replace(base64.b64encode(byte * package.image.bytes).decode(), "pixels"))
    assert pages[0] == pages[1]
    assert pages[0].count("pixels") > len(package.cases)


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
    def spoiled(folder: Path, package: Package, key: Key) -> None:
        spoil(next(iter((folder / "server" / "images").iterdir())))
        expect_clean_folder(folder, package, key)

    monkeypatch.setattr(exporter, "expect_clean_folder", spoiled)
    with pytest.raises(DataError, match=said):
        pools.study(tmp_path / "study", *both)
    assert list(tmp_path.iterdir()) == []


def test_a_page_with_the_salt_in_it_is_refused(made, opened):
    package, key = opened
    other = changed(key, salt=package.study)  # what the pages do hold
    expect_clean_folder(made, package, key)
    with pytest.raises(DataError, match="it holds the key's salt"):
        expect_clean_folder(made, package, other)
