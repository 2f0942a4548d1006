"""The study folder: what ``brainzoo quiz export`` writes, and what may leave the owner's hands.

::

    study/
      key.json                     mode 0600; the truth; stays with the owner
      audit.json                   mode 0600; results of the leak audit; stays with the owner
      README.txt                   what is what
      pages/reader-01/index.html   one static page a reader, to hand out; works from file://
      server/study.json            all that ``brainzoo quiz serve`` needs
      server/images/<image>.raw    uint8, C order, all of one length; the name is 128 random bits

Nothing below ``pages`` and ``server`` tells the truth of a test case.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from brainzoo.api import IntegrityError, NotFoundError
from brainzoo_quiz.study.files import Document, Hex128, Hex256, Line, Model, Reason, Title
from brainzoo_quiz.study.key import MOST_CASES, Design, Phase, Word


class Settings(Model):
    """How the page asks.

    Attributes:
        seconds: How long an image is shown; ``None``: untimed.
        confidence: Whether to ask for 1 (guess) to 5 (sure).
        reasons: What may be ticked as a reason; none: not asked.
        click: Whether a click marks what looked wrong.
        feedback: Whether practice tells the right answer afterwards.
        break_after: A rest is offered after so many test images; ``None``: never.
    """

    seconds: int | None = Field(10, ge=1, le=3600)
    confidence: bool = True
    reasons: tuple[Reason, ...] = Field((), max_length=20)
    click: bool = False
    feedback: bool = True
    break_after: int | None = Field(None, ge=1, le=MOST_CASES)


class ImageShape(Model):
    """What every image file of the study holds.

    Attributes:
        dims: 2 or 3.
        shape: (height, width), or (x, y, z) in RAS+.
        spacing_mm: Size of a pixel along each; 1 where nothing is known.
    """

    dims: int = Field(ge=2, le=3)
    shape: tuple[Annotated[int, Field(ge=1, le=4096)], ...]
    spacing_mm: tuple[Annotated[float, Field(gt=0, le=1000)], ...]

    @property
    def bytes(self) -> int:
        """Length of an image file."""
        return math.prod(self.shape)


class PackagedCase(Model):
    """A case without its truth: one image, or two in the order shown; practice has its answer."""

    case: Line
    phase: Phase
    images: tuple[Hex128, ...]
    answer: Word | None = None


class Place(Model):
    """One showing of a case in a session."""

    token: Hex128
    case: Line


class Seat(Model):
    """One reader's place: a pseudonym, a session, and a secret order with practice first.

    Made ahead, so that neither page nor server ever needs the key.
    """

    reader: Line
    session: Hex128
    order: tuple[Place, ...] = Field(min_length=1, max_length=2 * MOST_CASES)


class Package(Document):
    """All that readers and a server may have of a study: ``server/study.json``."""

    KIND = "brainzoo quiz study"

    study: Hex128
    title: Title
    design: Design
    commitment: Hex256
    preset: Line
    settings: Settings
    image: ImageShape
    cases: tuple[PackagedCase, ...] = Field(min_length=1, max_length=MOST_CASES)
    seats: tuple[Seat, ...] = Field(min_length=1, max_length=1000)

    @model_validator(mode="after")
    def _no_truth(self) -> Self:
        for case in self.cases:
            if case.phase == "test" and case.answer is not None:
                raise ValueError(f"{case.case} has the answer {case.answer}")
        return self


def page_data(
    package: Package, seat: Seat, mode: Literal["static", "server"] = "static"
) -> dict[str, Any]:
    """Return what a reader's page gets.

    With the page (``static``) go its tokens, and the answers of practice cases if there is
    feedback; a ``server`` gives them when they are due.
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
    found = package.model_dump(mode="json", exclude={"cases", "seats", "preset"})
    of_seat = {"session": seat.session, "seat": seat.reader, "mode": mode}
    return {**found, **of_seat, "trials": trials}


def write(package: Package, folder: Path, pixels: Mapping[str, bytes]) -> None:
    """Write ``server/`` of a study folder: ``study.json`` and the images by their names."""
    images = folder / "server" / "images"
    images.mkdir(parents=True, exist_ok=True)
    (images.parent / "study.json").write_text(package.text(), encoding="utf-8")
    for image in sorted(pixels):  # names are random: so is the order on disk
        (images / f"{image}.raw").write_bytes(pixels[image])


def read_package(folder: Path) -> Package:
    """Read ``study.json`` of a study folder, or of its ``server`` folder alone.

    Raises:
        NotFoundError: There is no study.
        DataError: It is something else.
        IntegrityError: An image is missing or has another length than it should.
    """
    home = _home(folder)
    package = Package.read(home / "study.json")
    for image in (image for case in package.cases for image in case.images):
        path = home / "images" / f"{image}.raw"
        if not path.is_file():
            raise IntegrityError(f"{path.name} is missing.", "Copy the study folder again.")
        if (found := path.stat().st_size) != package.image.bytes:
            raise IntegrityError(
                f"{path.name} has {found} bytes; expected {package.image.bytes}.",
                "Copy the study folder again.",
            )
    return package


def pixels(folder: Path, image: str) -> bytes:
    """Return an image's bytes, by its name in the package."""
    return (_home(folder) / "images" / f"{image}.raw").read_bytes()


def _home(folder: Path) -> Path:
    for home in (folder / "server", folder):
        if (home / "study.json").is_file():
            return home
    raise NotFoundError(
        f"{folder} holds no study (no server/study.json).",
        "Give the folder that `brainzoo quiz export` wrote.",
    )
