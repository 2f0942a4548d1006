"""Models and images to look at, and the pages that show them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from browser import chromium
from click.testing import CliRunner, Result

from brainzoo.api import Images
from brainzoo.cli import main
from brainzoo.testing import make_images
from brainzoo_quiz.server.running import listen
from brainzoo_show.panes import ImagesPane, ModelPane, Pane
from brainzoo_show.server import application

TOKEN = "a-token-of-a-test"
Serve = Callable[..., str]
Open = Callable[..., Any]


def model(name: str) -> ModelPane:
    """Return a model of a shipped checkpoint."""
    return ModelPane(name)


@pytest.fixture(scope="session")
def slices() -> ModelPane:
    return model("pggan-ixi-64")


@pytest.fixture(scope="session")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> ModelPane:
    """Return a model of whole heads, hardly trained."""
    folder = tmp_path_factory.mktemp("volumes")
    make_images(folder / "heads", spatial=(16, 16, 16), classes=())
    words = ["train", "dcgan", "--data", folder / "heads", "--images", 16, "--out", folder / "run"]
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return model(str(folder / "run"))


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Return images of people, as far as anybody can see."""
    images = make_images(tmp_path_factory.mktemp("images") / "real", subjects=20)
    images.info["source"] = {**images.info["source"], "simulated": False}
    return images


@pytest.fixture
def people(real: Images) -> ImagesPane:
    return ImagesPane(real, "real")


@pytest.fixture
def brainzoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that runs the command line in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that serves panes and returns their address; all servers are ended."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(*panes: Pane) -> str:
        listening = listen("127.0.0.1", 0)
        port = listening.getsockname()[1]
        config = uvicorn.Config(
            application(panes, TOKEN, port),
            **{"http": "h11", "ws": "none", "lifespan": "off", "log_config": None},
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{port}/{TOKEN}/"

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def open_page(browser: Any) -> Iterator[Open]:
    """Return a function that opens an address; the page must stay silent and alone."""
    contexts, trouble = [], []

    def open_page(address: str, size: tuple[int, int] = (1280, 860)) -> Any:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: trouble.append(m.text) if "WebGL" not in m.text else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))

        def foreign(request: Any) -> None:
            if not request.url.startswith((address, "data:")):
                trouble.append(request.url)

        page.on("request", foreign)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []


@pytest.fixture
def frozen(tmp_path: Path) -> Callable[..., str]:
    """Return a function that freezes panes and returns the page's address."""

    def freeze(*panes: Pane, **how: Any) -> str:
        from brainzoo_show.frozen import freeze

        freeze(panes, tmp_path / "look.html", **how)
        return (tmp_path / "look.html").as_uri()

    return freeze
