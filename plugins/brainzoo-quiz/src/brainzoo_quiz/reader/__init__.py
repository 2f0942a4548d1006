"""The page on which readers see images and answer: one template, two ways to run it.

*Static*: one file that works from ``file://`` without any network. Script, style and pixels lie in
it; the content security policy admits exactly that script and that style, by their hashes, and no
request at all. Answers stay in the reader's browser and leave as an answers file.

*Server*: ``GET read`` gives :func:`server_page`, whose script asks ``api/…`` for everything; script
and style come from ``assets/…``. All addresses are relative, so that a proxy may
serve the study below any path. Its policy is a header: scripts, styles and requests of its own
server only, and ``data:`` images for niivue's glyphs.

There is no build step: ``scripts/`` holds plain scripts, an idea a file, joined in the order of
:data:`SCRIPTS`. Volumes are drawn by niivue (``vendor/``, unchanged from npm, with its licence)
where there is WebGL 2, else by ``planes.js``; pages of slices do without it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from brainzoo_quiz.study.files import templates
from brainzoo_quiz.study.package import Package, Seat, page_data

HERE = Path(__file__).parent

SCRIPTS = (
    *("sha256", "notebook", "static", "server", "picture", "planes", "volume", "clock"),
    *("stage", "screens", "device", "reading", "main"),
)


def static_page(package: Package, seat: Seat, pixels: Mapping[str, bytes]) -> str:
    """Return one reader's page as a single HTML file, with the pixels of images by their names."""
    data = page_data(package, seat)
    coded = {name: Markup(base64.b64encode(image).decode()) for name, image in pixels.items()}
    images = {case.case: [coded[name] for name in case.images] for case in package.cases}
    ordered = [(place.token, images[place.case]) for place in seat.order]
    volumes = package.image.dims == 3
    parts = {
        "style": _text("page.css"),
        "script": script(),
        "niivue": niivue() if volumes else "",
        "niivue_license": _text("vendor/niivue.LICENSE.txt") if volumes else "",
        # "<" could end the element that the JSON lies in
        "data": json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"),
    }
    scripts = " ".join(_hash(parts[name]) for name in ("script", "niivue") if parts[name])
    parts["csp"] = (
        f"default-src 'none'; img-src data: blob:; script-src {scripts}; "
        f"style-src {_hash(parts['style'])}; base-uri 'none'; form-action 'none'"
    )
    return _page(title=package.title, pixels=ordered, parts=parts)


def server_page() -> str:
    """Return the page that a server gives every reader; it holds nothing of any study."""
    empty = dict.fromkeys(("csp", "style", "script", "niivue", "data"), "")
    return _page(title="Reader study", pixels=[], parts=empty)


def _page(parts: Mapping[str, str], **values: Any) -> str:
    trusted = {name: Markup(text) for name, text in parts.items()}
    return templates(HERE).get_template("page.html.j2").render(**values, **trusted)


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _text(place: str) -> str:
    return (HERE / place).read_text(encoding="utf-8")


def script() -> str:
    """Return the page's scripts as one."""
    return "\n".join(_text(f"scripts/{name}.js") for name in SCRIPTS)


def viewer_script() -> str:
    """Return the scripts that draw slices and volumes, for pages of other plugins.

    They need a function ``make(tag, text, properties)``, and niivue at ``assets/niivue.js``.
    """
    return "\n".join(_text(f"scripts/{name}.js") for name in ("picture", "planes", "volume"))


def niivue() -> str:
    """Return niivue, unchanged from npm."""
    return _text("vendor/niivue.umd.js")
