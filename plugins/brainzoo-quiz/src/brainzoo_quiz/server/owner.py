"""The routes of the owner: progress, invitations, the end of the study, its answers.

The owner is whoever knows the secret in the file ``owner-token``. For everybody else, readers too,
these routes do not exist.
"""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from brainzoo_quiz.server import admission, overview
from brainzoo_quiz.server.admission import derived, same
from brainzoo_quiz.server.database import shown
from brainzoo_quiz.server.requests import (
    Renew,
    expect,
    nothing_here,
    page,
    read_body,
    set_cookie,
)
from brainzoo_quiz.server.service import Service, service_of, writing
from brainzoo_quiz.server.tables import moment
from brainzoo_quiz.study.answers import to_csv

ZIP_DATE = (2000, 1, 1, 0, 0, 0)


def _open_page(request: Request) -> Response:
    """Show a button only: a cookie set by a link from elsewhere would not come back at once."""
    service = service_of(request)
    _expect_token(request, service)
    return page(
        "entry",
        title=service.package.title,
        text="This link opens the owner's page. Keep it to yourself.",
        button="Open",
    )


async def _open(request: Request) -> Response:
    service = service_of(request)
    await read_body(request)
    _expect_token(request, service)
    response = RedirectResponse("/owner", 303)
    set_cookie(response, service.owner_cookie, service.owner_secret, service.address, "/owner")
    return response


def _expect_token(request: Request, service: Service) -> None:
    with service.guess(request):
        if not same(request.path_params["token"], service.owner_token):
            raise nothing_here()


def _page(service: Service, csrf: str) -> Response:
    found, place = overview.progress(service.engine), shown(service.engine)
    return page("owner", title=found["title"], overview=found, csrf=csrf, database=place)


def _progress(service: Service, csrf: str) -> Response:
    return JSONResponse(overview.progress(service.engine))


def _csv(service: Service, csrf: str) -> Response:
    """Send all answers as one tidy long table."""
    return _download(service, to_csv(overview.read_answers(service.engine)).encode(), "csv")


def _zip(service: Service, csrf: str) -> Response:
    """Send a file of answers a reader, just as the static page saves them."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, session in enumerate(overview.read_answers(service.engine), 1):
            entry = zipfile.ZipInfo(f"answers-{number:02d}-{session.reader.id}.json", ZIP_DATE)
            archive.writestr(entry, session.text(), zipfile.ZIP_DEFLATED)
    return _download(service, out.getvalue(), "zip")


def _download(service: Service, content: bytes, kind: str) -> Response:
    name = f"answers-{service.package.study[:8]}.{kind}"
    return Response(
        content,
        headers={"content-disposition": f'attachment; filename="{name}"'},
        media_type={"csv": "text/csv", "zip": "application/zip"}[kind],
    )


def _renew(service: Service, _: Service, content: Mapping[str, Any]) -> dict[str, Any]:
    """Make a new invitation; only now can it be read."""
    reader = expect(Renew, content).reader
    invitation = admission.renew(service.engine, reader)
    return {"reader": reader, "invitation": f"{service.address.url}/join/{invitation}"}


def _close(service: Service, _: Service, content: Mapping[str, Any]) -> dict[str, Any]:
    """End the study for good."""
    return {"closed_at": moment(admission.close(service.engine))}


def _enter(request: Request) -> tuple[Service, str]:
    """Return the service and the CSRF token to the owner; to others there is no such page."""
    service = service_of(request)
    cookie = request.cookies.get(service.owner_cookie)
    if cookie is None:
        raise nothing_here()
    if not same(cookie, service.owner_secret):
        service.guesses.spend(service.client(request))
        raise nothing_here()
    return service, derived(cookie, "csrf")


def _reading(path: str, work: Callable[[Service, str], Response]) -> Route:
    @functools.wraps(work)
    def handle(request: Request) -> Response:
        return work(*_enter(request))

    return Route(path, handle)


ROUTES = [
    Route("/owner/open/{token}", _open_page),
    Route("/owner/open/{token}", _open, methods=["POST"]),
    _reading("/owner", _page),
    _reading("/owner/api/progress", _progress),
    _reading("/owner/answers.csv", _csv),
    _reading("/owner/answers.zip", _zip),
    writing("/owner/api/renew", _enter, _renew),
    writing("/owner/api/close", _enter, _close),
]
