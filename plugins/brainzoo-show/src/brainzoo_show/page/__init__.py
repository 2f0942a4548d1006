"""The page: one template and plain scripts, with a server behind it or as one file.

Volumes are drawn by the viewer of ``brainzoo_quiz`` (niivue where there is WebGL 2).
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from brainzoo_quiz import reader

HERE = Path(__file__).parent
SCRIPTS = ("make", "sources", "controls", "wall", "closer", "main")
"""Joined in this order, after the viewer's."""


def live(panes: Sequence[Mapping[str, Any]], *, seed: int, downloads: Sequence[str]) -> str:
    """Return the page that asks its server for every image."""
    state = {"live": True, "panes": panes, "seed": seed, "downloads": downloads}
    return _render(state, style="", script="", csp="")


def frozen(panes: Sequence[Mapping[str, Any]], *, seed: int) -> str:
    """Return the page as one file; each pane holds its ``samples``."""
    state = {"live": False, "panes": panes, "seed": seed, "downloads": []}
    scripted, style = script(), _text("page.css")
    policy = (
        f"default-src 'none'; img-src data:; script-src '{_hash(scripted)}'; "
        f"style-src '{_hash(style)}'; base-uri 'none'; form-action 'none'"
    )
    return _render(state, style=style, script=scripted, csp=policy)


def _render(state: Mapping[str, Any], **parts: str) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("page.html.j2").render(
        title=" and ".join(pane["title"] for pane in state["panes"]),
        people=any(pane["people"] for pane in state["panes"]),
        # "<" could end the element that the JSON lies in
        state=Markup(json.dumps(state, ensure_ascii=False).replace("<", "\\u003c")),
        live=state["live"],
        **{name: Markup(text) for name, text in parts.items()},
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@functools.cache
def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


@functools.cache
def script() -> str:
    """Return the page's scripts as one."""
    return "\n".join([reader.viewer_script(), *(_text(f"{name}.js") for name in SCRIPTS)])


ASSETS: Mapping[str, Callable[[], tuple[str, str]]] = {
    "page.js": lambda: (script(), "text/javascript"),
    "page.css": lambda: (_text("page.css"), "text/css"),
    "niivue.js": lambda: (reader.niivue(), "text/javascript"),
}
"""What the live page loads: text and media type."""
