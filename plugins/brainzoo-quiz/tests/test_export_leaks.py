"""Nothing but pixels depends on what is real, and a folder that shows more is refused."""

import base64
import shutil
from random import Random
from typing import Any

import pytest

from brainzoo.common.errors import DataError
from brainzoo_quiz.exporter import expect_clean_folder
from brainzoo_quiz.reader import static_page
from brainzoo_quiz.study import drawing
from brainzoo_quiz.study.drawing import make_package
from brainzoo_quiz.study.key import DESIGNS, Case

from .serving import changed


def exchanged(case: Case) -> Case:
    words = DESIGNS["yes-no"]
    return changed(case, truth=words[1 - words.index(case.truth)], sources=case.sources[::-1])


def test_exchanged_labels_change_nothing_but_pixels_commitment_and_practice(opened, monkeypatch):
    package, key = opened
    settings = {name: getattr(package, name) for name in ("preset", "settings", "image")}

    def content(cases: tuple[Case, ...]) -> dict[str, Any]:
        random = Random(5)  # the same draws, so that only the labels differ
        monkeypatch.setattr(drawing.secrets, "token_hex", lambda n: random.randbytes(n).hex())
        monkeypatch.setattr(drawing.python_random, "SystemRandom", lambda: random)
        return make_package(changed(key, cases=cases), readers=3, **settings).content()

    first, second = content(key.cases), content(tuple(map(exchanged, key.cases)))
    assert {name for name in first if first[name] != second[name]} == {"commitment", "cases"}
    different = [a for a, b in zip(first["cases"], second["cases"], strict=True) if a != b]
    assert [case["case"] for case in different] == [
        case.case for case in package.cases if case.phase == "practice"
    ]


def test_a_page_depends_on_nothing_but_its_pixels(opened):
    package, _ = opened
    pages = []
    for byte in (b"0", b"1"):
        pixels = {i: byte * package.image.bytes for case in package.cases for i in case.images}
        page = static_page(package, package.seats[0], pixels)
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
def test_a_file_that_differs_is_refused(made, opened, tmp_path, spoil, said):
    shutil.copytree(made, tmp_path / "study")
    spoil(next((tmp_path / "study" / "server" / "images").iterdir()))
    with pytest.raises(DataError, match=said):
        expect_clean_folder(tmp_path / "study", *opened)


def test_a_page_with_the_salt_in_it_is_refused(made, opened):
    package, key = opened
    other = changed(key, salt=package.study)  # what the pages do hold
    expect_clean_folder(made, package, key)
    with pytest.raises(DataError, match="it holds the key's salt"):
        expect_clean_folder(made, package, other)
