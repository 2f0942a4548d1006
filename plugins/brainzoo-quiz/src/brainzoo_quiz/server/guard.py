"""What holds for every request, whatever its route.

- The header ``Host`` names this server; what writes comes from its own pages.
- Nothing is kept by browsers or proxies, framed, sniffed, or told to other sites.
- An error is one line to the reader and one to the log; neither repeats what was asked, for paths
  and cookies hold secrets.
"""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brainzoo_quiz.server.address import Address
from brainzoo_quiz.server.requests import Refused, message_page

LOG = logging.getLogger("brainzoo.quiz")

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-robots-tag": "noindex",
}


class Guard:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, address: Address) -> None:
        self.app = app
        self.address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("referrer-policy", "no-referrer")
            await send(message)

        try:
            self._expect_own(scope)
            await self.app(scope, receive, guarded)
        except Exception as error:
            if begun:
                raise
            await answer_error(scope, error)(scope, receive, guarded)

    def _expect_own(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self.address.knows(host):
            hint = "Use the address of your link."
            raise Refused(421, "host", "This server does not go by that name.", hint)
        if scope["method"] in ("GET", "HEAD"):
            return
        origin = headers.get("origin")
        foreign = origin is not None and not self.address.owns(origin, host)
        if foreign or headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise Refused(403, "origin", "This request comes from another site.")


def answer_error(scope: Scope, error: Exception) -> Response:
    """Return what is answered when something was refused or went wrong."""
    if isinstance(error, Refused):
        refused = error
    else:
        _log(scope, error)
        refused = Refused(500, "error", "Something went wrong on the server.", "Try again.")
        if isinstance(error, SQLAlchemyError):
            hint = "Your answers stay in this browser; try again in a minute."
            refused = Refused(503, "database", "The server cannot reach its database.", hint, 10)
    headers = {"retry-after": str(refused.wait_seconds)} if refused.wait_seconds else {}
    if "/api/" in scope["path"]:
        said = {"code": refused.code, "message": refused.message, "hint": refused.hint}
        return JSONResponse({"error": said}, refused.status, headers)
    response = message_page(refused.message, refused.hint, refused.status)
    response.headers.update(headers)
    return response


def _log(scope: Scope, error: Exception) -> None:
    """Say which route failed, how and where, without anything of the request itself."""
    endpoint = getattr(scope.get("endpoint"), "__name__", "no route")
    at = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in at if "brainzoo_quiz" in frame.filename] or at
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "unknown"
    LOG.error("%s failed: %s at %s", endpoint, type(error).__name__, place)
