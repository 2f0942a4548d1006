"""The exact part of the leak audit: a written study folder holds nothing that tells the truth.

No tolerance: one byte too many refuses the export. That names, orders and pages do not depend on
what is real is how they are made (``study/cases.py``), and tested by exchanging the labels.
"""

from __future__ import annotations

from pathlib import Path

from brainzoo.api import DataError
from brainzoo_quiz.study.key import Key
from brainzoo_quiz.study.package import Package


def expect_clean_folder(folder: Path, package: Package, key: Key) -> None:
    """Refuse a written study whose files show anything of the truth.

    Raises:
        DataError: They do.
    """
    images = sorted((folder / "server" / "images").iterdir())
    status = [path.stat() for path in images]
    if {path.stem for path in images} != {image for c in package.cases for image in c.images}:
        _refuse("names of image files", f"{len(images)} files that are not all of the study")
    for what, values in (
        ("length of image files", {s.st_size for s in status}),
        ("mode of image files", {s.st_mode for s in status}),
        ("time of image files", {s.st_mtime_ns for s in status}),
    ):
        if len(values) != 1:
            _refuse(what, f"{len(values)} different ones: {sorted(values)[:3]}")
    secret = {key.salt.encode()}
    secret |= {source.images.encode() for case in key.cases for source in case.sources}
    for path in (path for part in ("server", "pages") for path in (folder / part).rglob("*")):
        if path.is_file() and path.suffix != ".raw":
            content = path.read_bytes()
            if any(word in content for word in secret):
                _refuse(path.name, "it holds the key's salt or the source of an image")


def _refuse(channel: str, found: str) -> None:
    raise DataError(
        f"leak: {channel}: {found}.", "Please report this: an export must never write it."
    )
