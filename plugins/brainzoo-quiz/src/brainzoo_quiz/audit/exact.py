"""The exact part of the leak audit: nothing but pixels may depend on what is real.

Every export is built a second time with the labels exchanged, with the same secrets. Both must
agree in everything but pixels, commitment and the answers of practice. Then the folder as it lies
on disk is looked through: lengths, names, times, modes, and whether anything of the key is in it.
No tolerance: one byte too many refuses the export.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainzoo.api import DataError
from brainzoo_quiz.reader import static_page
from brainzoo_quiz.study.key import DESIGNS, Case, Key
from brainzoo_quiz.study.package import Package, Seat, page_data

CHECKED = (
    "study.json is the same when labels are exchanged",
    "a page is the same but for its pixels when labels are exchanged",
    "image files have one length, random names, one time and one mode",
    "nothing of the key lies in what is handed out",
)

Pixels = Mapping[str, bytes]


def exchanged(key: Key) -> Key:
    """Return the key with every label turned round; sources are left as they are."""
    words = DESIGNS[key.design]

    def turned(case: Case) -> Case:
        other = words[1 - words.index(case.truth)]
        return case.model_copy(update={"truth": other, "sources": case.sources[::-1]})

    return key.model_copy(update={"cases": tuple(map(turned, key.cases))})


def expect_same_package(one: Package, other: Package) -> None:
    """Refuse a package that shows the labels in anything but commitment and practice answers.

    Raises:
        DataError: Something else differs.
    """
    first, second = _blank(one).content(), _blank(other).content()
    differing = sorted(name for name in first if first[name] != second[name])
    if differing:
        _refuse("study.json", f"{', '.join(differing)} differ when labels are exchanged")


def expect_same_page(package: Package, seat: Seat, one: Pixels, other: Pixels) -> None:
    """Refuse a page that differs in more than pixels when its images are exchanged.

    Args:
        package: The study.
        seat: Whose page.
        one: Each image's bytes.
        other: The bytes that it would have with the labels exchanged.

    Raises:
        DataError: The pages differ.
    """
    blank = _blank(package)
    found = []
    for pixels in (one, other):
        text = static_page(page_data(blank, seat), page_pixels(package, seat, pixels))
        for image in pixels.values():
            text = text.replace(base64.b64encode(image).decode(), "pixels")
        found.append(text)
    if found[0] != found[1]:
        at = next(i for i, (a, b) in enumerate(itertools.zip_longest(*found)) if a != b)
        _refuse("pages", f"they differ at character {at:,} when labels are exchanged")


def page_pixels(package: Package, seat: Seat, pixels: Pixels) -> dict[str, list[bytes]]:
    """Return the pixels of each of a seat's tokens."""
    images = {case.case: case.images for case in package.cases}
    return {place.token: [pixels[i] for i in images[place.case]] for place in seat.order}


def expect_clean_folder(folder: Path, package: Package, key: Key) -> None:
    """Refuse a written study whose files show anything of the truth.

    Args:
        folder: The study folder, as written.
        package: What was packed.
        key: Whose salt and sources must be in no file but ``key.json``.

    Raises:
        DataError: They do.
    """
    images = sorted((folder / "server" / "images").iterdir())
    status = [path.stat() for path in images]
    wanted = {f"{image}.raw" for case in package.cases for image in case.images}
    if {path.name for path in images} != wanted:
        _refuse("names of image files", f"{len(images)} files; expected {len(wanted)}")
    for what, values in (
        ("length of image files", {s.st_size for s in status}),
        ("mode of image files", {s.st_mode for s in status}),
        ("time of image files", {s.st_mtime_ns for s in status}),
    ):
        if len(values) != 1:
            _refuse(what, f"{len(values)} different ones: {sorted(values)[:3]}")
    secret = {key.salt.encode()}
    secret |= {source.images.encode() for case in key.cases for source in case.sources}
    handed_out = itertools.chain.from_iterable(
        (folder / part).rglob("*") for part in ("server", "pages") if (folder / part).is_dir()
    )
    for path in handed_out:
        if path.is_file() and path.suffix != ".raw":
            content = path.read_bytes()
            if any(word in content for word in secret):
                _refuse(path.name, "it holds the key's salt or the source of an image")


def _blank(package: Package) -> Package:
    """Return a package without the two things that may depend on labels."""
    cases = tuple(
        case.model_copy(update={"answer": DESIGNS[package.design][0] if case.answer else None})
        for case in package.cases
    )
    return package.model_copy(update={"commitment": 64 * "0", "cases": cases})


def _refuse(channel: str, figures: Any) -> None:
    raise DataError(
        f"leak: {channel}: {figures}.", "Please report this: an export must never write it."
    )
