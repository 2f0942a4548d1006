"""The server's own pages; the reading page is ``brainzoo_quiz.reader``'s."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jinja2

HOME = Path(__file__).parent / "pages"
ASSETS = {"server.css": "text/css", "owner.js": "text/javascript"}


def entry_page(title: str, heading: str, text: str, button: str) -> str:
    """Return a page whose button posts to its own address."""
    return _render("entry.html.j2", title=title, heading=heading, text=text, button=button)


def message_page(message: str, hint: str = "", link: tuple[str, str] | None = None) -> str:
    """Return a page that says one thing.

    Args:
        message: In one line.
        hint: What to do about it.
        link: An address of this server, and its text.
    """
    return _render("message.html.j2", title=message, message=message, hint=hint, link=link)


def owner_page(overview: dict[str, Any], csrf: str, database: str) -> str:
    """Return the owner's page."""
    return _render(
        *("owner.html.j2",),
        title=overview["title"],
        overview=overview,
        csrf=csrf,
        database=database,
    )


def asset(name: str) -> tuple[bytes, str] | None:
    """Return a file of these pages and its type; ``None``: there is no such."""
    if name not in ASSETS:
        return None
    return (HOME / name).read_bytes(), ASSETS[name]


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HOME),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
