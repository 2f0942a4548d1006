"""The routes of readers: join, read, and the page's interface.

A reader is whoever holds a cookie; she reaches her own session and nothing else. What writes needs
the CSRF token that her page got too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from brainzoo_quiz.reader import server_page
from brainzoo_quiz.server import admission
from brainzoo_quiz.server.admission import derived
from brainzoo_quiz.server.requests import Refused, message_page, page, read_body, set_cookie
from brainzoo_quiz.server.service import Service, service_of, writing
from brainzoo_quiz.server.store import Store
from brainzoo_quiz.study.package import pixels


def _join_page(request: Request) -> Response:
    """Show an invitation; only its button uses it up."""
    service, invitation = service_of(request), request.path_params["invitation"]
    with service.guess(request):
        usable = admission.invited(service.engine, invitation)
    if not usable:
        used = admission.used()
        return message_page(used.message, used.hint, 410, ("/read", "Go on in this browser"))
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
    try:
        _enter(request)
    except Refused as error:
        if error.status != 401:
            raise
        return message_page(error.message, error.hint, 401)
    return HTMLResponse(server_page())


def _session_data(request: Request) -> Response:
    session, csrf = _enter(request)
    return JSONResponse({**service_of(request).store.page(session), "csrf": csrf})


def _image(request: Request) -> Response:
    """Send an image: always the same work, and the same length."""
    service, params = service_of(request), request.path_params
    session, _ = _enter(request)
    image = service.store.image(session, params["token"], params["number"])
    return Response(pixels(service.folder, image), media_type="application/octet-stream")


def _enter(request: Request) -> tuple[str, str]:
    """Return the reader's session and CSRF token.

    Raises:
        Refused: The browser has not joined, or asks too often.
    """
    service = service_of(request)
    cookie = request.cookies.get(service.reader_cookie)
    session = None if cookie is None else admission.session_of(service.engine, cookie)
    if cookie is None or session is None:
        if cookie is not None:
            service.guesses.spend(service.client(request))
        raise Refused(401, "not-joined", "This browser has not joined.", "Open your invitation.")
    service.asks.spend(session)
    return session, derived(cookie, "csrf")


def _storing(work: Callable[[Store, str, Mapping[str, Any]], dict[str, Any]]) -> Route:
    @functools.wraps(work)
    def store(service: Service, session: str, content: Mapping[str, Any]) -> dict[str, Any]:
        return work(service.store, session, content)

    return writing(f"/api/{work.__name__}", _enter, store)


ROUTES = [
    Route("/join/{invitation}", _join_page),
    Route("/join/{invitation}", _join, methods=["POST"]),
    Route("/read", _read),
    Route("/api/session", _session_data),
    Route("/api/image/{token}/{number:int}", _image),
    *map(_storing, (Store.start, Store.show, Store.answer, Store.finish)),
]
