"""Reading requests and writing responses, with limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from brainzoo.api import DataError
from brainzoo_quiz.server.address import Address
from brainzoo_quiz.server.refusals import Refused
from brainzoo_quiz.study import files as strict

MOST_BYTES = 20_000
"""Of a request's body; an answer has a few hundred."""

MONTH_SECONDS = 31 * 24 * 3600


async def read_json(request: Request) -> dict[str, Any]:
    """Return the body, a JSON object.

    Raises:
        Refused: It is too large, or something else.
    """
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise Refused(415, "bad-request", "The request is no JSON.")
    body = await read_body(request)
    try:
        return strict.parse(body.decode(), "JSON object", "request")
    except (UnicodeDecodeError, DataError):
        raise Refused(400, "bad-request", "The request is no JSON object.") from None


async def read_body(request: Request) -> bytes:
    """Return the body, unless it is too large; then no more of it is read."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Refused(413, "too-large", "The request is too large.")
    return body


def json_response(content: Mapping[str, Any]) -> Response:
    """Return an object as a response."""
    return Response(json.dumps(content, ensure_ascii=False), media_type="application/json")


def html_response(page: str, status: int = 200) -> Response:
    """Return a page as a response."""
    return Response(page, status, media_type="text/html")


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
