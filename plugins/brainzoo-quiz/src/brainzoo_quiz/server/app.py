"""The application: a study, its database and its address as routes."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from brainzoo_quiz import reader as reading_page
from brainzoo_quiz.server import owner, reader
from brainzoo_quiz.server.guard import Guard
from brainzoo_quiz.server.requests import PAGES, Refused, message_page, nothing_here
from brainzoo_quiz.server.service import Service

ASSETS = {
    "server.css": PAGES / "server.css",
    "owner.js": PAGES / "owner.js",
    "page.css": reading_page.HERE / "page.css",
    "niivue.js": reading_page.HERE / "vendor" / "niivue.umd.js",
    "niivue.LICENSE.txt": reading_page.HERE / "vendor" / "niivue.LICENSE.txt",
}
KINDS = {".css": "text/css", ".js": "text/javascript", ".txt": "text/plain"}


def application(service: Service) -> Starlette:
    """Return the application that serves a study."""
    routes = [Route("/", _home), Route("/assets/{name}", _asset), *reader.ROUTES, *owner.ROUTES]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, address=service.address)],
        exception_handlers={HTTPException: _no_route},
    )
    app.router.redirect_slashes = False
    app.state.service = service
    return app


def _home(request: Request) -> Response:
    return message_page("A reader study", "Open the link of your invitation.")


def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name == "page.js":
        return Response(reading_page.script(), media_type=KINDS[".js"])
    if name not in ASSETS:
        raise nothing_here()
    return Response(ASSETS[name].read_bytes(), media_type=KINDS[ASSETS[name].suffix])


def _no_route(request: Request, error: Exception) -> Response:
    """Answer what no route takes, alike for everybody."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        raise Refused(405, "method", "That cannot be done here.")
    raise nothing_here()
