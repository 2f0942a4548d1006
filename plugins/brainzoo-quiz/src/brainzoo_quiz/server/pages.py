"""The server's own pages; the reading page is ``brainzoo_quiz.reader``'s."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.responses import HTMLResponse

from brainzoo_quiz.study.files import templates

HOME = Path(__file__).parent / "pages"


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page from ``pages/``: ``entry``, ``message`` or ``owner``."""
    text = templates(HOME).get_template(f"{template}.html.j2").render(**values)
    response = HTMLResponse(text, status)
    if template == "entry":  # so that its form says where it comes from
        response.headers["referrer-policy"] = "same-origin"
    return response


def message_page(
    message: str, hint: str = "", status: int = 200, link: tuple[str, str] | None = None
) -> HTMLResponse:
    """Return a page that says one thing."""
    return page("message", status, title=message, message=message, hint=hint, link=link)
