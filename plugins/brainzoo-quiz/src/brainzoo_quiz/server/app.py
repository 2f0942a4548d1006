"""The application: a study, its database and its address as routes."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from brainzoo.api import NotFoundError
from brainzoo_quiz.server import owner, pages, reader
from brainzoo_quiz.server.guard import Guard, answer_error
from brainzoo_quiz.server.requests import Refused, nothing_here
from brainzoo_quiz.server.service import Service


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
    return pages.message_page("A reader study", "Open the link of your invitation.")


def _asset(request: Request) -> Response:
    try:
        content, kind = pages.asset(request.path_params["name"])
    except NotFoundError:
        raise nothing_here() from None
    return Response(content, media_type=kind)


def _no_route(request: Request, error: Exception) -> Response:
    """Answer what no route takes, alike for everybody."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        return answer_error(request.scope, Refused(405, "method", "That cannot be done here."))
    return answer_error(request.scope, nothing_here())
