"""The page on this machine only, drawing while somebody looks.

The address holds a random token, so that other users of this machine do not find it; the guard of
``brainzoo_quiz`` refuses other names of this server (DNS rebinding) and requests of other sites.
"""

from __future__ import annotations

import json
import secrets
import tempfile
import threading
import time
import webbrowser
from collections.abc import AsyncIterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pydantic
import uvicorn
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from brainzoo.api import BrainzooError, OptionError, console
from brainzoo_quiz.server.address import address
from brainzoo_quiz.server.guard import Guard
from brainzoo_quiz.server.running import listen
from brainzoo_show import page, pictures
from brainzoo_show.panes import Pane, Setting, shown_row

HOST = "127.0.0.1"
MOST = 200
"""Images of one request."""
FILES = {"png": ".png", "nifti": ".nii.gz", "dicom": ".dcm"}


def serve(panes: Sequence[Pane], *, port: int, browser: bool, seed: int = 0) -> None:
    """Serve the page until Ctrl-C, and open the browser on it.

    Raises:
        OptionError: The port is taken.
    """
    token = secrets.token_urlsafe(24)
    with listen(HOST, port) as listening:
        port = listening.getsockname()[1]
        url = f"http://{HOST}:{port}/{token}/"
        console.answer({"url": url}, url)
        console.note("only this machine can open it; stop with Ctrl-C")
        config = uvicorn.Config(
            application(panes, token, port, seed=seed),
            http="h11",
            ws="none",
            lifespan="off",
            access_log=False,  # paths hold the token
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        if browser:
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        try:
            uvicorn.Server(config).run(sockets=[listening])
        except KeyboardInterrupt:  # uvicorn raises the signal again when all is done
            return


def application(panes: Sequence[Pane], token: str, port: int, *, seed: int = 0) -> Starlette:
    """Return the application that shows panes below ``/TOKEN/``."""
    routes = [
        Route("/", _page),
        Route("/assets/{name}", _asset),
        Route("/{pane:int}/wall", _wall),
        Route("/{pane:int}/volume", _volume),
        Route("/{pane:int}/file", _file),
    ]
    app = Starlette(
        routes=[Mount(f"/{token}", routes=routes)],
        middleware=[Middleware(Guard, address=address(HOST, port))],
        exception_handlers={BrainzooError: _refuse, pydantic.ValidationError: _refuse},
    )
    app.state.panes, app.state.seed = list(panes), seed
    return app


def downloads() -> list[str]:
    """Return the kinds of files that one image can be downloaded as here."""
    dicom = entry_points(group="brainzoo", name="dicom")
    return ["png", "nifti", *(["dicom"] if dicom else [])]


def _page(request: Request) -> Response:
    state = request.app.state
    described = [pane.describe() for pane in state.panes]
    return HTMLResponse(page.live(described, seed=state.seed, downloads=downloads()))


def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in page.ASSETS:
        return JSONResponse({"error": "not found"}, 404)
    text, kind = page.ASSETS[name]()
    return Response(text, media_type=kind)


def _wall(request: Request) -> Response:
    """Answer with a line of JSON for each image as soon as it is drawn."""
    pane, setting = _asked(request)
    start, count = _number(request, "start"), _number(request, "count", MOST)
    channel, labels = _number(request, "channel"), "labels" in request.query_params

    async def lines() -> AsyncIterator[str]:
        began = time.monotonic()
        for at in range(start, start + count, pane.batch):
            if await request.is_disconnected():
                return
            try:
                images = await run_sync(pane.take, setting, at, min(pane.batch, start + count - at))
            except BrainzooError as error:
                yield json.dumps({"error": f"{error.message} {error.hint}".strip()}) + "\n"
                return
            for i, row in enumerate(images.table):
                shown = pictures.tile(images, i, channel=channel, labels=labels)
                tile = pictures.as_data(shown)
                found = {"index": at + i, "row": shown_row(row), "tile": tile}
                yield json.dumps(found) + "\n"
        yield json.dumps({"seconds": round(time.monotonic() - began, 2)}) + "\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


async def _volume(request: Request) -> Response:
    """Answer with the eight-bit voxels of one volume."""
    pane, setting = _asked(request)
    images, i = await run_sync(_one, pane, setting, _number(request, "index"))
    return Response(
        pictures.voxels(images, i, min(_number(request, "channel"), images.channels - 1)),
        media_type="application/octet-stream",
    )


async def _file(request: Request) -> Response:
    """Answer with one image as a file of an exporter."""
    pane, setting = _asked(request)
    kind, index = request.query_params.get("kind", ""), _number(request, "index")
    if kind not in downloads():
        raise OptionError(f"found the kind of file {kind!r}; expected {', '.join(downloads())}.")
    content, suffix = await run_sync(_exported, pane, setting, index, kind)
    name = f"{pane.kind}-{index:04d}{suffix}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/octet-stream", headers=headers)


def _exported(pane: Pane, setting: Setting, index: int, kind: str) -> tuple[bytes, str]:
    images, i = _one(pane, setting, index)
    with tempfile.TemporaryDirectory() as folder:
        options = {"grid_images": 0} if kind == "png" else {}
        files = images[i : i + 1].export(kind, Path(folder) / "made", **options)
        chosen = next(path for path in files if path.name.endswith(FILES[kind]))
        return chosen.read_bytes(), FILES[kind]


def _one(pane: Pane, setting: Setting, index: int) -> tuple[Any, int]:
    """Return the images of the batch that holds an image, as the wall drew it, and its place."""
    start = index - index % pane.batch
    images = pane.take(setting, start, pane.batch)
    if index - start >= len(images):
        raise OptionError(f"there is no image {index}.")
    return images, index - start


def _asked(request: Request) -> tuple[Pane, Setting]:
    panes: list[Pane] = request.app.state.panes
    number = request.path_params["pane"]
    if number >= len(panes):
        raise OptionError(f"there is no pane {number}.")
    return panes[number], Setting.model_validate_json(request.query_params.get("setting", "{}"))


def _number(request: Request, name: str, most: int = 10**9) -> int:
    text = request.query_params.get(name, "0")
    if not text.isdecimal() or int(text) > most:
        raise OptionError(f"{name} is {text[:20]!r}; expected a whole number up to {most:,}.")
    return int(text)


async def _refuse(request: Request, error: Exception) -> Response:
    if isinstance(error, BrainzooError):
        return JSONResponse({"error": f"{error.message} {error.hint}".strip()}, 400)
    return JSONResponse({"error": "the setting is not one of this page."}, 400)
