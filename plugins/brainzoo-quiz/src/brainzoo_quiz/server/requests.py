"""Requests read strictly, what is refused and how, and the server's own pages."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from brainzoo.api import DataError
from brainzoo_quiz.server.address import Address
from brainzoo_quiz.study.answers import Group, Position, Said, Years
from brainzoo_quiz.study.files import Line, Model, parse_object, templates
from brainzoo_quiz.study.key import DESIGNS
from brainzoo_quiz.study.package import Package

MOST_BYTES = 20_000
"""Of a request's body; an answer has a few hundred."""

MONTH_SECONDS = 31 * 24 * 3600

PAGES = Path(__file__).parent / "pages"

M = TypeVar("M", bound=Model)


@dataclasses.dataclass(eq=False)
class Refused(Exception):
    """A request that is not answered as asked.

    Attributes:
        status: Of HTTP.
        code: One word or two, for the page's script.
        message: What was found, in one line that a reader may see; never a token.
        hint: What to do about it; may be empty.
        wait_seconds: How long to wait before trying again, if that helps.
    """

    status: int
    code: str
    message: str
    hint: str = ""
    wait_seconds: int = 0


class Start(Model):
    """Who reads, and that she agreed."""

    group: Group
    years: Years
    consent: Literal[True]


class Show(Model):
    """The image that is to be shown."""

    position: Position


class Renew(Model):
    """Who gets a new invitation."""

    reader: Line


def expect(model: type[M], content: Mapping[str, Any]) -> M:
    """Return a request's content as its model, or refuse it."""
    try:
        return model.of(content, "request")
    except DataError as error:
        raise Refused(400, "bad-request", error.message) from None


def expect_answer(content: Mapping[str, Any], package: Package) -> Said:
    """Return an answer that a file of answers could hold and the study asked for, or refuse it."""
    said, settings = expect(Said, content), package.settings
    words = (*DESIGNS[package.design], *([None] if said.timed_out else []))
    asked = {
        "answer": said.answer in words,
        "confidence": settings.confidence or said.confidence is None,
        "reasons": set(said.reasons) <= set(settings.reasons),
        "click": settings.click or said.click is None,
        "timed_out": settings.seconds is not None or not said.timed_out,
    }
    for name in (name for name, fits in asked.items() if not fits):
        message = f"request: this study does not ask for such a {name}."
        raise Refused(400, "bad-request", message)
    return said


async def read_json(request: Request) -> dict[str, Any]:
    """Return the body, a JSON object, or refuse it."""
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise Refused(415, "bad-request", "The request is not JSON.")
    body = await read_body(request)
    try:
        return parse_object(body.decode(), "JSON", "request")
    except (UnicodeDecodeError, DataError):
        raise Refused(400, "bad-request", "The request is not a JSON object.") from None


async def read_body(request: Request) -> bytes:
    """Return the body, unless it is too large; then no more of it is read."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Refused(413, "too-large", "The request is too large.")
    return body


def set_cookie(
    response: Response, name: str, value: str, address: Address, path: str = "/"
) -> None:
    """Give the browser a secret that no script can read and no other site can send."""
    response.set_cookie(
        *(name, value, MONTH_SECONDS),
        path=path,
        secure=address.secure,
        httponly=True,
        samesite="strict",
    )


def nothing_here() -> Refused:
    """Return the refusal of what does not exist, or does not for this client."""
    return Refused(404, "not-found", "There is no such page.")


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page from ``pages/``: ``entry``, ``message`` or ``owner``."""
    text = templates(PAGES).get_template(f"{template}.html.j2").render(status=status, **values)
    response = HTMLResponse(text, status)
    if template == "entry":  # so that its form says where it comes from
        response.headers["referrer-policy"] = "same-origin"
    return response


def message_page(message: str, hint: str = "", status: int = 200) -> HTMLResponse:
    """Return a page that says one thing."""
    return page("message", status, title=message, message=message, hint=hint)
