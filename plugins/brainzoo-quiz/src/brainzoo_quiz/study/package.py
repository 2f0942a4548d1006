"""The study folder: what ``brainzoo quiz export`` writes, and what may leave the owner's hands.

::

    study/
      key.json                     mode 0600; the truth; stays with the owner
      audit.json                   figures of the leak audit; the owner's
      README.txt                   what is what
      pages/reader-01/index.html   one static page a reader, to hand out; works from file://
      server/study.json            all that ``brainzoo quiz serve`` needs
      server/images/<image>.raw    uint8, C order, all of one length; the name is 128 random bits

Nothing below ``pages`` and ``server`` tells the truth of a test case. ``server/study.json``::

    kind        "brainzoo quiz study"
    schema      1
    study, title, design, commitment   as in the key
    preset      which preset the settings started from
    settings    {seconds, confidence, reasons, click, feedback, break_after}
    image       {dims, shape, spacing_mm, bytes}
    cases       [{case, phase, images}, ...]; practice cases also carry their ``answer``
    seats       [{reader, session, order: [{token, case}, ...]}, ...]

A *seat* is one reader's place: her pseudonym, session and own secret order, practice first. Made
ahead, so that neither page nor server ever needs the key.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from brainzoo.api import DataError, IntegrityError, NotFoundError, write_text
from brainzoo_quiz.study import files as strict
from brainzoo_quiz.study.package_checks import KIND, SCHEMA, expect_study


@dataclasses.dataclass(frozen=True)
class Settings:
    """How the page asks.

    Attributes:
        seconds: How long an image is shown; ``None``: untimed.
        confidence: Whether to ask for 1 (guess) to 5 (sure).
        reasons: What may be ticked as a reason; none: not asked.
        click: Whether a click marks what looked wrong.
        feedback: Whether practice tells the right answer afterwards.
        break_after: A rest is offered after so many test images; ``None``: never.
    """

    seconds: int | None = 10
    confidence: bool = True
    reasons: tuple[str, ...] = ()
    click: bool = False
    feedback: bool = True
    break_after: int | None = None


@dataclasses.dataclass(frozen=True)
class ImageShape:
    """What every image file of the study holds.

    Attributes:
        dims: 2 or 3.
        shape: (height, width), or (x, y, z) in RAS+.
        spacing_mm: Size of a pixel along each; 1 where nothing is known.
    """

    dims: int
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]

    @property
    def bytes(self) -> int:
        """Length of an image file."""
        return math.prod(self.shape)


@dataclasses.dataclass(frozen=True)
class PackagedCase:
    """A case without its truth: one image, or two in the order shown; practice has its answer."""

    case: str
    phase: str
    images: tuple[str, ...]
    answer: str | None = None


@dataclasses.dataclass(frozen=True)
class Place:
    """One showing of a case in a session."""

    token: str
    case: str


@dataclasses.dataclass(frozen=True)
class Seat:
    """One reader's place: a pseudonym, a session, and what is shown in which order."""

    reader: str
    session: str
    order: tuple[Place, ...]


@dataclasses.dataclass(frozen=True)
class Package:
    """All that readers and a server may have of a study."""

    study: str
    title: str
    design: str
    commitment: str
    preset: str
    settings: Settings
    image: ImageShape
    cases: tuple[PackagedCase, ...]
    seats: tuple[Seat, ...]

    def content(self) -> dict[str, Any]:
        """Return what ``server/study.json`` holds."""
        return {
            "kind": KIND,
            "schema": SCHEMA,
            "study": self.study,
            "title": self.title,
            "design": self.design,
            "commitment": self.commitment,
            "preset": self.preset,
            "settings": settings_content(self.settings),
            "image": image_content(self.image),
            "cases": [
                {
                    "case": case.case,
                    "phase": case.phase,
                    "images": list(case.images),
                    **({} if case.answer is None else {"answer": case.answer}),
                }
                for case in self.cases
            ],
            "seats": [
                {**dataclasses.asdict(seat), "order": [*map(dataclasses.asdict, seat.order)]}
                for seat in self.seats
            ],
        }


def settings_content(settings: Settings) -> dict[str, Any]:
    """Return settings as JSON."""
    return {**dataclasses.asdict(settings), "reasons": list(settings.reasons)}


def image_content(image: ImageShape) -> dict[str, Any]:
    """Return the shape of images as JSON."""
    return {
        "dims": image.dims,
        "shape": list(image.shape),
        "spacing_mm": list(image.spacing_mm),
        "bytes": image.bytes,
    }


def page_data(
    package: Package, seat: Seat, mode: Literal["static", "server"] = "static"
) -> dict[str, Any]:
    """Return what a reader's page gets.

    Args:
        package: The study.
        seat: The reader's place.
        mode: ``static``: tokens go with the page, and the answers of practice cases if there is
            feedback. ``server``: positions and phases only; the rest comes when it is due.
    """
    cases = {case.case: case for case in package.cases}
    trials = []
    for position, place in enumerate(seat.order, 1):
        case = cases[place.case]
        trial: dict[str, Any] = {"position": position, "phase": case.phase}
        if mode == "static":
            trial |= {"token": place.token, "images": len(case.images)}
            if case.answer is not None and package.settings.feedback:
                trial["answer"] = case.answer
        trials.append(trial)
    return {
        "study": package.study,
        "title": package.title,
        "design": package.design,
        "commitment": package.commitment,
        "session": seat.session,
        "seat": seat.reader,
        "settings": settings_content(package.settings),
        "image": image_content(package.image),
        "mode": mode,
        "trials": trials,
    }


def write(package: Package, folder: Path) -> None:
    """Write ``server/study.json`` of a study folder; :func:`write_pixels` writes the images.

    Raises:
        DataError: The study contradicts itself.
    """
    content = package.content()
    expect_study(content, "the new study")
    text = json.dumps(content, indent=1, ensure_ascii=False)
    write_text(folder / "server" / "study.json", f"{text}\n")


def write_pixels(package: Package, folder: Path, image: str, pixels: bytes) -> None:
    """Write one image of a study folder that :func:`brainzoo.common.files.new_folder` makes.

    Raises:
        DataError: It has another length than all others.
    """
    if len(pixels) != package.image.bytes:
        raise DataError(f"an image has {len(pixels)} bytes; expected {package.image.bytes}.")
    path = folder / "server" / "images" / f"{image}.raw"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pixels)


def read_package(folder: Path) -> Package:
    """Read ``study.json`` of a study folder, or of its ``server`` folder alone.

    Raises:
        NotFoundError: There is no study.
        DataError: It is no study, or it contradicts itself.
        IntegrityError: An image is missing or has another length than it should.
    """
    home = _home(folder)
    path = home / "study.json"
    text = strict.read_text(path, "study")
    content = strict.parse(text, "study", path.name, fractions=True)
    expect_study(content, path.name)
    package = _package(content)
    for case in package.cases:
        for image in case.images:
            _expect_image(home / "images" / f"{image}.raw", package.image.bytes)
    return package


def pixels(folder: Path, image: str) -> bytes:
    """Return an image's bytes.

    Args:
        folder: A study folder, or its ``server`` folder alone.
        image: As a case names it.

    Raises:
        NotFoundError: There is no image of that name.
    """
    path = _home(folder) / "images" / f"{image}.raw"
    if not strict.HEX_128.fullmatch(image) or not path.is_file():
        raise NotFoundError(f"the study has no image {image[:40]!r}.")
    return path.read_bytes()


def _home(folder: Path) -> Path:
    for home in (folder / "server", folder):
        if (home / "study.json").is_file():
            return home
    raise NotFoundError(
        f"{folder} holds no study (no server/study.json).",
        "Give the folder that `brainzoo quiz export` wrote.",
    )


def _expect_image(path: Path, length: int) -> None:
    if not path.is_file():
        raise IntegrityError(f"the image {path.name} is missing.", "Copy the study folder again.")
    if path.stat().st_size != length:
        raise IntegrityError(
            f"{path.name} has {path.stat().st_size} bytes; expected {length}.",
            "Copy the study folder again.",
        )


def _package(content: Mapping[str, Any]) -> Package:
    settings, image = content["settings"], content["image"]
    cases = [{**case, "images": tuple(case["images"])} for case in content["cases"]]
    seats = [
        {**seat, "order": tuple(Place(**place) for place in seat["order"])}
        for seat in content["seats"]
    ]
    names = ("study", "title", "design", "commitment", "preset")
    return Package(
        **{name: content[name] for name in names},
        settings=Settings(**{**settings, "reasons": tuple(settings["reasons"])}),
        image=ImageShape(
            image["dims"], tuple(image["shape"]), tuple(map(float, image["spacing_mm"]))
        ),
        cases=tuple(PackagedCase(**case) for case in cases),
        seats=tuple(Seat(**seat) for seat in seats),
    )
