"""The routes of the owner: progress, invitations, the end of the study, its answers.

The owner is who knows the secret of the file ``owner-token``. To everybody else, readers too, these
routes are not there.
"""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from brainzoo_quiz.server import admission, overview
from brainzoo_quiz.server.credentials import derived, same
from brainzoo_quiz.server.database import shown
from brainzoo_quiz.server.pages import entry_page, owner_page
from brainzoo_quiz.server.requests import (
    Nothing,
    Refused,
    Renew,
    expect,
    read_body,
    read_json,
    set_cookie,
)
from brainzoo_quiz.server.service import Service, service_of
from brainzoo_quiz.server.tables import moment
from brainzoo_quiz.study.answers import Answers, to_csv

ZIP_DATE = (2000, 1, 1, 0, 0, 0)
Read = Callable[[Service], Response]
Write = Callable[[Service, Mapping[str, Any]], dict[str, Any]]


def _open_page(request: Request) -> Response:
    """Show a button only: a cookie set by a link from elsewhere would not come back at once."""
    service = service_of(request)
    _expect_token(request, service)
    response = HTMLResponse(
        entry_page(
            title=service.package.title,
            heading=service.package.title,
            text="This link opens the owner's page. Keep it to yourself.",
            button="Open",
        )
    )
    response.headers["referrer-policy"] = "same-origin"  # so that its form says where it is from
    return response


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
            raise _nothing()


def _page(service: Service) -> Response:
    found = overview.progress(service.engine)
    csrf = derived(service.owner_secret, "csrf")
    return HTMLResponse(owner_page(found, csrf, shown(service.engine)))


def _progress(service: Service) -> Response:
    return JSONResponse(overview.progress(service.engine))


def _csv(service: Service) -> Response:
    """Send all answers as one tidy long table."""
    table = to_csv(overview.read_answers(service.engine))
    return _download(table.encode(), "text/csv", f"answers-{service.package.study[:8]}.csv")


def _zip(service: Service) -> Response:
    """Send a file of answers a reader, just as the static page saves them."""
    content = zipped(overview.read_answers(service.engine))
    return _download(content, "application/zip", f"answers-{service.package.study[:8]}.zip")


def zipped(sessions: Sequence[Answers]) -> bytes:
    """Return answers files in a ZIP; the same answers give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, session in enumerate(sessions, 1):
            safe = "".join(c if c.isascii() and c.isalnum() else "-" for c in session.reader.id)
            entry = zipfile.ZipInfo(f"answers-{number:02d}-{safe}.json", ZIP_DATE)
            archive.writestr(entry, session.text(), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _download(content: bytes, kind: str, name: str) -> Response:
    disposition = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=disposition, media_type=kind)


def _renew(service: Service, content: Mapping[str, Any]) -> dict[str, Any]:
    """Make a new invitation; only now can it be read."""
    reader = expect(Renew, content).reader
    invitation = admission.renew(service.engine, reader)
    return {"reader": reader, "invitation": f"{service.address.url}/join/{invitation}"}


def _close(service: Service, content: Mapping[str, Any]) -> dict[str, Any]:
    """End the study for good."""
    expect(Nothing, content)
    return {"closed_at": moment(admission.close(service.engine))}


def _expect_owner(request: Request) -> Service:
    """Return the service, to its owner.

    Raises:
        Refused: Anybody else; the same as for a page that does not exist.
    """
    service = service_of(request)
    cookie = request.cookies.get(service.owner_cookie)
    if cookie is None:
        raise _nothing()
    if not same(cookie, service.owner_secret):
        service.guesses.spend(service.client(request))
        raise _nothing()
    return service


def _reading(path: str, work: Read) -> Route:
    @functools.wraps(work)
    def handle(request: Request) -> Response:
        return work(_expect_owner(request))

    return Route(path, handle)


def _writing(path: str, work: Write) -> Route:
    @functools.wraps(work)
    async def handle(request: Request) -> Response:
        service = _expect_owner(request)
        csrf = derived(service.owner_secret, "csrf")
        if not same(request.headers.get("x-quiz-csrf", ""), csrf):
            raise Refused(403, "csrf", "This request is not from your page.", "Load it again.")
        content = await read_json(request)
        return JSONResponse(await run_in_threadpool(work, service, content))

    return Route(path, handle, methods=["POST"])


def _nothing() -> Refused:
    return Refused(404, "not-found", "There is no such page.")


ROUTES = [
    Route("/owner/open/{token}", _open_page),
    Route("/owner/open/{token}", _open, methods=["POST"]),
    _reading("/owner", _page),
    _reading("/owner/api/progress", _progress),
    _reading("/owner/answers.csv", _csv),
    _reading("/owner/answers.zip", _zip),
    _writing("/owner/api/renew", _renew),
    _writing("/owner/api/close", _close),
]
