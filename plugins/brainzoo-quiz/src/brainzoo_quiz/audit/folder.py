"""The exact part of the leak audit: a written study folder holds nothing that tells the truth.

No tolerance: one byte too many refuses the export. That names, orders and pages do not depend on
what is real is how they are made (``study/cases.py``).
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
    of_study = {image for case in package.cases for image in case.images}
    differs = {
        "names of image files": {path.stem for path in images} != of_study,
        "length of image files": {s.st_size for s in status} != {package.image.bytes},
        "mode of image files": len({s.st_mode for s in status}) != 1,
        "time of image files": len({s.st_mtime_ns for s in status}) != 1,
    }
    secret = {key.salt.encode()}
    secret |= {source.images.encode() for case in key.cases for source in case.sources}
    for path in (path for part in ("server", "pages") for path in (folder / part).rglob("*")):
        if path.is_file() and path.suffix != ".raw":
            content = path.read_bytes()
            held = any(word in content for word in secret)
            differs[f"{path.name}: it holds the key's salt or the source of an image"] = held
    for what in (what for what, found in differs.items() if found):
        raise DataError(f"leak: {what}.", "Please report this: an export must never write it.")
