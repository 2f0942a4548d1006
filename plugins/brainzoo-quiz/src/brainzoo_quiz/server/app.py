"""The routes: what readers, the owner and strangers reach.

A reader is whoever holds a cookie; she reaches her own session and nothing else. The owner is
whoever knows the secret in the file ``owner-token``; for everybody else, readers too, the owner's
routes do not exist. What writes needs the CSRF token that the page got too.
"""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from brainzoo_quiz import reader as reading_page
from brainzoo_quiz.server import admission, overview
from brainzoo_quiz.server.admission import derived, same
from brainzoo_quiz.server.database import shown
from brainzoo_quiz.server.guard import Guard
from brainzoo_quiz.server.requests import (
    PAGES,
    Refused,
    Renew,
    expect,
    message_page,
    nothing_here,
    page,
    read_body,
    set_cookie,
)
from brainzoo_quiz.server.service import Service, service_of, writing
from brainzoo_quiz.server.tables import moment
from brainzoo_quiz.study.answers import to_csv
from brainzoo_quiz.study.package import pixels

ASSETS = {
    "server.css": PAGES / "server.css",
    "owner.js": PAGES / "owner.js",
    "page.css": reading_page.HERE / "page.css",
    "niivue.js": reading_page.HERE / "vendor" / "niivue.umd.js",
    "niivue.LICENSE.txt": reading_page.HERE / "vendor" / "niivue.LICENSE.txt",
}
KINDS = {".css": "text/css", ".js": "text/javascript", ".txt": "text/plain"}

ZIP_DATE = (2000, 1, 1, 0, 0, 0)


def _join_page(request: Request) -> Response:
    """Show an invitation; only its button uses it up."""
    service = service_of(request)
    with service.guess(request):
        admission.expect_invited(service.engine, request.path_params["invitation"])
    return page(
        "entry",
        title=service.package.title,
        text="You are invited to a reader study. This link works once, in one browser: use the "
        "screen on which you want to read.",
        button="Begin",
    )


async def _join(request: Request) -> Response:
    service = service_of(request)
    await read_body(request)
    cookie = request.cookies.get(service.reader_cookie)

    def work() -> str | None:
        with service.guess(request):
            return admission.join(service.engine, request.path_params["invitation"], cookie)

    fresh = await run_in_threadpool(work)
    response = RedirectResponse("/read", 303)
    if fresh is not None:
        set_cookie(response, service.reader_cookie, fresh, service.address)
    return response


def _read(request: Request) -> Response:
    _reader(request)
    return HTMLResponse(reading_page.server_page())


def _session_data(request: Request) -> Response:
    session, csrf = _reader(request)
    return JSONResponse({**service_of(request).page(session), "csrf": csrf})


def _image(request: Request) -> Response:
    """Send an image: always the same work, and the same length."""
    service, params = service_of(request), request.path_params
    session, _ = _reader(request)
    image = service.image(session, params["token"], params["number"])
    return Response(pixels(service.folder, image), media_type="application/octet-stream")


def _reader(request: Request) -> tuple[str, str]:
    """Return the session and CSRF token of a reader who joined and does not ask too often."""
    service = service_of(request)
    cookie = request.cookies.get(service.reader_cookie)
    session = None if cookie is None else admission.session_of(service.engine, cookie)
    if cookie is None or session is None:
        if cookie is not None:
            service.guesses.spend(service.client(request))
        raise Refused(401, "not-joined", "This browser has not joined.", "Open your invitation.")
    service.asks.spend(session)
    return session, derived(cookie, "csrf")


READER_ROUTES = [
    Route("/join/{invitation}", _join_page),
    Route("/join/{invitation}", _join, methods=["POST"]),
    Route("/read", _read),
    Route("/api/session", _session_data),
    Route("/api/image/{token}/{number:int}", _image),
    writing("/api/start", _reader, Service.start),
    writing("/api/show", _reader, Service.show),
    writing("/api/answer", _reader, Service.answer),
    writing("/api/finish", _reader, Service.finish),
]


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


def _owner(request: Request) -> tuple[Service, str]:
    """Return the service and the CSRF token to the owner; others get a 404."""
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
        return work(*_owner(request))

    return Route(path, handle)


OWNER_ROUTES = [
    Route("/owner/open/{token}", _open_page),
    Route("/owner/open/{token}", _open, methods=["POST"]),
    _reading("/owner", _page),
    _reading("/owner/api/progress", _progress),
    _reading("/owner/answers.csv", _csv),
    _reading("/owner/answers.zip", _zip),
    writing("/owner/api/renew", _owner, _renew),
    writing("/owner/api/close", _owner, _close),
]


def application(service: Service) -> Starlette:
    """Return the application that serves a study."""
    routes = [Route("/", _home), Route("/assets/{name}", _asset), *READER_ROUTES, *OWNER_ROUTES]
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
