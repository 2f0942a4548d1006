"""The exporter ``quiz``: draw, write alike, audit, and only then let a study folder appear."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from brainzoo.api import DataError, ExistsError, Exporter, Images, OptionError, console, new_folder
from brainzoo_quiz.audit.chain import chain_of, expect_same_chain
from brainzoo_quiz.audit.pixels import audit, audit_lines, eight_bit, expect_no_leak, written
from brainzoo_quiz.config import REASONS, QuizConfig
from brainzoo_quiz.reader import static_page
from brainzoo_quiz.study import package as packages
from brainzoo_quiz.study.drawing import draw, make_cases, make_package
from brainzoo_quiz.study.files import templates
from brainzoo_quiz.study.key import Key, write_private
from brainzoo_quiz.study.package import ImageShape, Package, Settings
from brainzoo_quiz.study.sources import as_shown, checkpoint_of, real_images

MOST_PAGE_BYTES = 150_000_000
"""A larger page would not open in a browser; such a study is for a server."""

IGNORED = "# The key, and images of people, belong in no repository.\n*\n"


class Quiz(Exporter):
    """A run's samples, and real images that the generator did not learn from, as a study."""

    config: QuizConfig

    def export(self, images: Images, folder: Path, *, run: Path | None = None) -> list[Path]:
        """Write a study folder.

        Raises:
            OptionError: There is neither a run nor ``real``.
            ExistsError: The folder exists already.
            DataError: Images are too few, were treated differently, or leak.
        """
        place = self.config.real or run
        if place is None:
            raise OptionError(
                "a study needs real images, too.", "Export a RUN, or give --quiz.real IMAGES."
            )
        checkpoint = self.config.checkpoint or checkpoint_of(run)
        found = export_study(real_images(place), images, checkpoint, folder, self.config)
        for line in (*audit_lines(found["audit"]), *found["notes"]):
            console.note(line)
        return sorted(path for path in folder.rglob("*") if path.is_file())


def export_study(
    real: Images, created: Images, checkpoint: Path | None, folder: Path, config: QuizConfig
) -> dict[str, Any]:
    """Audit two sets of images and write a study of them.

    Returns:
        What was made: ``folder``, ``study``, ``commitment``, ``readers``, ``test``, ``practice``,
        ``pages`` (whether there are static ones), ``notes``, and ``audit``.

    Raises:
        ExistsError: The folder exists already.
        DataError: Images are too few, were treated differently, or leak.
        DiskError: The disk is full; nothing is left behind.
    """
    if folder.exists():
        raise ExistsError(f"{folder} exists already.", "Choose another with --out, or remove it.")
    if not config.title.strip() or not config.title.isprintable() or len(config.title) > 200:
        raise OptionError(
            "the title must be one line of 1 to 200 characters.", "Choose another --title."
        )
    whole = (real, created)
    real, created = (as_shown(images, config.channels) for images in (real, created))
    expect_same_chain(real, created)
    seed = secrets.randbits(63) if config.seed is None else config.seed
    random = np.random.default_rng(seed)
    drawn, drawing_notes = draw(real, created, _wanted(config, random), random)
    found = audit(real, created, chain_of(*whole, checkpoint, config.vouch))
    expect_no_leak(found)

    cases = make_cases(real, created, drawn, config.design, config.value("repeats"))
    key = Key.new(config.title, cases, config.design)
    package = make_package(
        key,
        readers=config.readers,
        preset=config.preset,
        settings=_settings(config),
        image=ImageShape(dims=created.dims, shape=created.spatial, spacing_mm=_spacing(created)),
    )
    pixels = _pixels(key, package, real, created)
    notes = [*drawing_notes, *found["notes"]]
    record = {
        "kind": "brainzoo quiz audit",
        "schema": 1,
        "study": key.study,
        "seed": seed,
        "drawn": drawing_notes,
        "pixels": found,
    }
    with new_folder(folder) as temporary:
        packages.write(package, temporary, pixels)
        pages = _write_pages(package, temporary, pixels)
        write_private(temporary / "key.json", key.text())
        text = json.dumps(record, indent=1, ensure_ascii=False)
        write_private(temporary / "audit.json", f"{text}\n")
        readme = templates(Path(packages.__file__).parent).get_template("README.txt.j2")
        text = readme.render(package=package, notes=found["notes"], pages=pages)
        (temporary / "README.txt").write_text(text, encoding="utf-8")
        (temporary / ".gitignore").write_text(IGNORED, encoding="utf-8")
        now = int(time.time())  # one time for all, whatever was written first
        for path in sorted(temporary.rglob("*"), reverse=True):  # what is inside before its folder
            os.utime(path, (now, now))
        expect_clean_folder(temporary, package, key)
    if not pages:
        notes.append("Pages would be too large for a browser: show the study with `quiz serve`.")
    return {
        "folder": str(folder),
        "study": key.study,
        "commitment": key.commitment,
        "readers": config.readers,
        **{phase: sum(c.phase == phase for c in cases) for phase in ("practice", "test")},
        "pages": pages,
        "notes": notes,
        "audit": found,
    }


def _wanted(config: QuizConfig, random: np.random.Generator) -> dict[str, tuple[int, int]]:
    """Return how many real and created images; of the test, the share of these is drawn."""
    test, practice = config.value("images"), config.value("practice")
    if config.design == "2afc":
        return {"practice": (practice, practice), "test": (test, test)}
    low, high = config.value("created")
    fewest, most = int(np.ceil(low * test)), int(np.floor(high * test))
    made = int(random.integers(fewest, max(fewest, most) + 1))
    return {"practice": (practice - practice // 2, practice // 2), "test": (test - made, made)}


def _settings(config: QuizConfig) -> Settings:
    asked = ("confidence", "click", "feedback", "break_after")
    return Settings(
        seconds=None if config.untimed else config.seconds,
        reasons=REASONS if config.value("reasons") else (),
        **{name: config.value(name) for name in asked},
    )


def _spacing(images: Images) -> tuple[float, ...]:
    found = images.info.get("spacing_mm")
    if not isinstance(found, list | tuple) or len(found) != images.dims:
        return (1.0,) * images.dims
    return tuple(float(mm) for mm in found)


def _pixels(key: Key, package: Package, real: Images, created: Images) -> dict[str, bytes]:
    """Return the bytes of every image by its secret name."""
    coarse = eight_bit(real, created)
    places = {
        (images.fingerprint, int(position)): (images, row)
        for images in (real, created)
        for row, position in enumerate(images.positions)
    }
    names = [name for case in package.cases for name in case.images]
    sources = [source for case in key.cases for source in case.sources]
    pixels = {}
    with console.progress("writing images", len(names)) as advance:
        for name, source in zip(names, sources, strict=True):
            images, row = places[source.images, source.row]
            pixels[name] = written(images, row, coarse=coarse).tobytes()
            advance(1)
    return pixels


def _write_pages(package: Package, folder: Path, pixels: Mapping[str, bytes]) -> bool:
    """Write the static pages, unless they would be too large; return whether there are any."""
    each = {case.case: len(case.images) for case in package.cases}
    shown = sum(each[place.case] for place in package.seats[0].order)
    if shown * package.image.bytes * 4 // 3 > MOST_PAGE_BYTES:
        return False
    for number, seat in enumerate(package.seats, 1):
        page = folder / "pages" / f"reader-{number:02d}" / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text(static_page(package, seat, pixels), encoding="utf-8")
    return True


def expect_clean_folder(folder: Path, package: Package, key: Key) -> None:
    """Refuse a written study whose files show anything of the truth: the exact part of the audit.

    That names, orders and pages do not depend on what is real is how they are made
    (``study/drawing.py``). No tolerance: one byte too many refuses the export.

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
