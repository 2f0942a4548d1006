"""Making a study folder: draw, write alike, audit, and only then let it appear."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from brainzoo.api import ExistsError, Images, OptionError, console, new_folder
from brainzoo_quiz.audit import exact
from brainzoo_quiz.audit.chain import chain_of, expect_same_chain
from brainzoo_quiz.audit.pixels import Audit, audit, eight_bit, expect_no_leak, written
from brainzoo_quiz.audit.table import audit_lines
from brainzoo_quiz.config import REASONS, QuizConfig
from brainzoo_quiz.reader import static_page
from brainzoo_quiz.study.cases import Secrets, make_cases, make_package, secrets_of
from brainzoo_quiz.study.drawing import Draw, Wanted, draw
from brainzoo_quiz.study.key import Key, write_private
from brainzoo_quiz.study.package import (
    ImageShape,
    Package,
    Settings,
    page_data,
    write,
    write_pixels,
)
from brainzoo_quiz.study.readme import readme
from brainzoo_quiz.study.sources import Sources

MOST_PAGE_BYTES = 150_000_000
"""A larger page would not open in a browser; such a study is for a server."""

IGNORED = "# The key, and images of people, belong in no repository.\n*\n"


def export_study(sources: Sources, folder: Path, config: QuizConfig) -> dict[str, Any]:
    """Audit two sets of images and write a study of them.

    Args:
        sources: Real and created images.
        folder: The new study folder.
        config: Everything else.

    Returns:
        What was made: ``folder``, ``study``, ``commitment``, ``readers``, ``test``, ``practice``,
        ``pages`` (whether there are static ones), ``notes``, and ``audit``.

    Raises:
        ExistsError: The folder is already there.
        DataError: Images are too few, were treated differently, or leak.
        DiskError: The disk is full; nothing is left behind.
    """
    if folder.exists():
        raise ExistsError(f"{folder} exists already.", "Choose another with --out, or remove it.")
    if not config.title.strip() or not config.title.isprintable() or len(config.title) > 200:
        raise OptionError(
            "the title must be one line of 1 to 200 characters.", "Choose another --title."
        )
    real, created = sources.real, sources.created
    expect_same_chain(real, created)
    seed = secrets.randbits(63) if config.seed is None else config.seed
    random = np.random.default_rng(seed)
    drawn = draw(real, created, _wanted(config, random), random)
    chain = chain_of(real, created, sources.checkpoint, config.vouch)
    found = audit(real, created, chain)
    if found.leaks():
        console.note("\n".join(audit_lines(found.content())))
    expect_no_leak(found)

    cases = make_cases(real, created, drawn, config.design, config.value("repeats"))
    key = Key.new(config.title, cases, config.design)
    hidden = secrets_of(
        [(c.case, c.phase, c.repeated) for c in cases], config.design, config.readers
    )
    shape = ImageShape(dims=created.dims, shape=created.spatial, spacing_mm=_spacing(created))
    package = make_package(
        key, hidden, preset=config.preset, settings=_settings(config), image=shape
    )
    pixels, exchanged = _pixels(key, hidden, real, created)
    _expect_exact(key, hidden, package, pixels, exchanged)
    notes = [*drawn.said, *found.notes()]
    with new_folder(folder) as temporary:
        pages = _write(temporary, package, pixels)
        write_private(temporary / "key.json", key.text())
        write_private(temporary / "audit.json", _audit_text(key, found, seed, drawn))
        (temporary / "README.txt").write_text(
            readme(package, key, found.notes(), pages=pages), encoding="utf-8"
        )
        (temporary / ".gitignore").write_text(IGNORED, encoding="utf-8")
        _same_times(temporary)
        exact.expect_clean_folder(temporary, package, key)
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
        "audit": found.content(),
    }


def _wanted(config: QuizConfig, random: np.random.Generator) -> dict[str, Wanted]:
    """Return how many images of either kind, the share of created ones drawn for the test."""
    test, practice = config.value("images"), config.value("practice")
    if config.design == "2afc":
        return {"practice": Wanted(practice, practice), "test": Wanted(test, test)}
    low, high = config.value("created")
    fewest, most = int(np.ceil(low * test)), int(np.floor(high * test))
    made = int(random.integers(fewest, max(fewest, most) + 1))
    return {
        "practice": Wanted(practice - practice // 2, practice // 2),
        "test": Wanted(test - made, made),
    }


def _settings(config: QuizConfig) -> Settings:
    return Settings(
        seconds=None if config.untimed else config.seconds,
        confidence=config.value("confidence"),
        reasons=REASONS if config.value("reasons") else (),
        click=config.value("click"),
        feedback=config.value("feedback"),
        break_after=config.value("break_after"),
    )


def _spacing(images: Images) -> tuple[float, ...]:
    found = images.info.get("spacing_mm")
    if not isinstance(found, list | tuple) or len(found) != images.dims:
        return (1.0,) * images.dims
    return tuple(float(mm) for mm in found)


def _pixels(
    key: Key, hidden: Secrets, real: Images, created: Images
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return every image's bytes, and the bytes that it would have with the labels exchanged."""
    coarse = eight_bit(real, created)
    places = {
        (images.fingerprint, int(position)): (images, row)
        for images in (real, created)
        for row, position in enumerate(images.positions)
    }
    names = [name for case in key.cases for name in hidden.images[case.case]]
    sources = [source for case in key.cases for source in case.sources]
    found: dict[bool, list[bytes]] = {False: [], True: []}
    pixels = {}
    with console.progress("writing images", len(names)) as advance:
        for name, source in zip(names, sources, strict=True):
            images, row = places[source.images, source.row]
            pixels[name] = written(images, row, coarse=coarse).tobytes()
            found[images.synthetic].append(pixels[name])
            advance(1)
    is_created = [places[s.images, s.row][0].synthetic for s in sources]
    others = {
        name: found[not kind][i % len(found[not kind])]
        for i, (name, kind) in enumerate(zip(names, is_created, strict=True))
    }
    return pixels, others


def _expect_exact(
    key: Key,
    hidden: Secrets,
    package: Package,
    pixels: Mapping[str, bytes],
    others: Mapping[str, bytes],
) -> None:
    """Build the study again with the labels exchanged and compare."""
    turned = make_package(
        exact.exchanged(key),
        hidden,
        preset=package.preset,
        settings=package.settings,
        image=package.image,
    )
    exact.expect_same_package(package, turned)
    if _page_bytes(package) <= MOST_PAGE_BYTES:
        exact.expect_same_page(package, package.seats[0], pixels, others)


def _page_bytes(package: Package) -> int:
    images = {case.case: len(case.images) for case in package.cases}
    shown = sum(images[place.case] for place in package.seats[0].order)
    return shown * package.image.bytes * 4 // 3


def _write(folder: Path, package: Package, pixels: Mapping[str, bytes]) -> bool:
    """Write what may be handed out; return whether there are static pages."""
    pages = _page_bytes(package) <= MOST_PAGE_BYTES
    write(package, folder)
    with console.progress("writing the study", len(pixels) + len(package.seats)) as advance:
        for image in sorted(pixels):  # names are random: so is the order on disk
            write_pixels(package, folder, image, pixels[image])
            advance(1)
        for number, seat in enumerate(package.seats if pages else (), 1):
            page = folder / "pages" / f"reader-{number:02d}" / "index.html"
            page.parent.mkdir(parents=True)
            shown = exact.page_pixels(package, seat, pixels)
            page.write_text(static_page(page_data(package, seat), shown), encoding="utf-8")
            advance(1)
    return pages


def _audit_text(key: Key, found: Audit, seed: int, drawn: Draw) -> str:
    content = {
        "kind": "brainzoo quiz audit",
        "schema": 1,
        "study": key.study,
        "seed": seed,
        "drawn": list(drawn.said),
        "pixels": found.content(),
        "exact": list(exact.CHECKED),
    }
    return f"{json.dumps(content, indent=1, ensure_ascii=False)}\n"


def _same_times(folder: Path) -> None:
    """Give all that is handed out one time, whatever was written first."""
    now = int(time.time())
    for path in sorted(folder.rglob("*"), reverse=True):  # what is inside before its folder
        os.utime(path, (now, now))
