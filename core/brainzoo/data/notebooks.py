"""What images look like in a notebook."""

from __future__ import annotations

import base64
import html
import importlib
import sys
from typing import TYPE_CHECKING, Any

from brainzoo.data.pictures import grid

if TYPE_CHECKING:
    from brainzoo.data.images import Images

SHOWN = 16
"""Images of a picture."""


def picture(images: Images, n: int = SHOWN) -> bytes:
    """Return the first images as a PNG, each with its class, age and sex above."""
    first = images[:n]
    known = ([row.get(name) for name in ("class", "age", "sex")] for row in first.table)
    labels = [
        " ".join(f"{v:.0f}" if isinstance(v, float) else str(v) for v in row if v is not None)
        for row in known
    ]
    return grid(first.floats(), labels=labels if any(labels) else ())


def page(images: Images, title: str = "") -> str:
    """Return HTML that shows the first images and says what they are."""
    source = images.info.get("source") or {}
    what = title or (
        "Synthetic images, not for diagnosis"
        if images.synthetic
        else "Simulated images"
        if source.get("simulated")
        else "Images of real people: clear this output before you share the notebook"
    )
    facts = [
        repr(images),
        f"channels {', '.join(images.channel_names)}",
        f"classes {', '.join(images.classes)}" if images.classes else "",
        f"{source.get('name', 'unknown data')}, licence {source.get('license', 'unknown')}",
    ]
    about = html.escape(" · ".join(filter(None, facts)))
    shown = f'<p style="margin:0"><b>{html.escape(what)}</b><br>{about}</p>'
    if not len(images):
        return shown
    encoded = base64.b64encode(picture(images)).decode()
    alt = html.escape(f"The first {min(SHOWN, len(images))} of {len(images)} images")
    return f'{shown}<img alt="{alt}" src="data:image/png;base64,{encoded}">'


def show(images: Images, n: int = SHOWN) -> None:
    """Show the first images: below the cell of a notebook, elsewhere in a window of its own."""
    content = picture(images, n)
    if (shell := sys.modules.get("IPython")) is not None and shell.get_ipython() is not None:
        display: Any = importlib.import_module("IPython.display")
        display.display(display.Image(content))
        return
    import io

    from PIL import Image

    Image.open(io.BytesIO(content)).show()
