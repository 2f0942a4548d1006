"""Studies, those who read them, and the pages and servers that show them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import chromium

from brainzoo.data.images import Images
from brainzoo_quiz.study.answers import Answer, Answers, Reader
from brainzoo_quiz.study.key import Case, Key, write_private
from brainzoo_quiz.study.package import Package, Settings, read_package

from . import pools
from .pages import Open, opener
from .postgres import Cluster, programs
from .serving import Browser, Running, Site, make_study
from .stores import AGREED, Study, prepared

MOMENT = "2026-01-31T12:00:00Z"


def make_key(kind: int = 6, repeated: int = 2) -> Key:
    """Return the key of a study of so many images of either kind and one practice case."""
    truths = ["real", "created"] * kind
    cases = [
        Case(case=f"c{i:03d}", truth=truth, repeated=i < repeated) for i, truth in enumerate(truths)
    ]
    return Key.new("A study", (*cases, Case(case="p000", truth="real", phase="practice")))


def make_answers(
    key: Key,
    reader: str = "R1",
    *,
    session: str | None = None,
    right: Callable[[Case], bool] = lambda case: True,
    confidence: int | None = 3,
) -> Answers:
    """Return one reader's answers to everything."""
    session = session or f"{sum(reader.encode()):032x}"
    other = {"real": "created", "created": "real"}
    answers = [
        Answer(
            position=i,
            token=token,
            phase=case.phase,
            answer=case.truth if right(case) else other[case.truth],
            confidence=confidence,
            response_ms=1000 * i,
            shown_at=MOMENT,
            timed_out=False,
            lost_focus=0,
            reloads=0,
            reasons=() if right(case) else ("blurred", "blick, schärfe"),
            click=None if right(case) else (17, 10_000),
        )
        for i, (token, (case, _)) in enumerate(key.tokens(session).items(), 1)
    ]
    return Answers(
        study=key.study,
        commitment=key.commitment,
        session=session,
        reader=Reader(id=reader, group="neuroradiologist", years=15),
        started_at=MOMENT,
        finished_at=MOMENT,
        answers=tuple(answers),
    )


@pytest.fixture
def write_study(tmp_path: Path) -> Callable[[Key, Sequence[Answers]], tuple[Path, list[Path]]]:
    """Return a function that writes a key and answers files, and returns their paths."""

    def write(key: Key, sessions: Sequence[Answers]) -> tuple[Path, list[Path]]:
        write_private(tmp_path / "key.json", key.text())
        paths = []
        for i, session in enumerate(sessions):
            paths.append(tmp_path / f"answers-{i}.json")
            paths[-1].write_bytes(session.text().encode())
        return tmp_path / "key.json", paths

    return write


def resealed(content: dict[str, object]) -> str:
    """Return edited answers as JSON with a digest that fits again, as a page would write them."""
    from brainzoo_quiz.study import files as strict

    content = {k: v for k, v in content.items() if k != "digest"}
    return json.dumps({**content, "digest": strict.digest(content)})


def normal_reader(
    d_prime: float, criterion: float, readers: int, n: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return hits and false alarms of readers of a known d′, n images of either kind."""
    from scipy.stats import norm

    random = np.random.default_rng(seed)
    hits = norm.cdf(d_prime / 2 - criterion)
    alarms = norm.cdf(-d_prime / 2 - criterion)
    return random.binomial(n, hits, readers), random.binomial(n, alarms, readers)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """A real PostgreSQL, where its programs are installed."""
    home = programs()
    if home is None and os.environ.get("BRAINZOO_REQUIRE_POSTGRESQL"):
        pytest.fail("BRAINZOO_REQUIRE_POSTGRESQL is set, but PostgreSQL is not installed")
    if home is None:
        pytest.skip("PostgreSQL is not installed")
    cluster = Cluster(home)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[..., Running]]:
    """Return a function that starts a server; all are ended."""
    started: list[Running] = []

    def start(folder: Path, *options: str) -> Running:
        started.append(Running(folder, *options))
        return started[-1]

    yield start
    for running in started:
        running.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    with opener(browser, tmp_path) as found:
        yield found


def read_file(text: str, folder: Path) -> Answers:
    path = folder / "answers.json"
    path.write_text(text, encoding="utf-8")
    return Answers.read(path)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Images, Images]:
    folder = tmp_path_factory.mktemp("pools")
    return pools.pool(folder / "real", 60), pools.pool(folder / "created", 60, created=True)


@pytest.fixture(scope="module")
def made(both, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of twelve images, half of them shown twice."""
    folder = tmp_path_factory.mktemp("made") / "study"
    pools.study(folder, *both, repeats=0.5, seed=7)
    return folder


@pytest.fixture
def opened(made: Path) -> tuple[Package, Key]:
    return read_package(made), Key.read(made / "key.json")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., Running]) -> Site:
    folder = tmp_path_factory.mktemp("site") / "study"
    key, package = make_study(folder, kind=8, readers=6)
    server = serve(folder)
    reader = Browser(server.url).join(server.invitations["R1"]).start()
    other = Browser(server.url).join(server.invitations["R2"]).start()
    owner = Browser(server.url).own(server.owner)
    return Site(folder, key, package, server, Browser(server.url), reader, other, owner)


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    settings = Settings(seconds=10, reasons=("blurred",), click=True)
    found = prepared(tmp_path / "study", str(tmp_path / "answers.sqlite"), settings=settings)
    found.store.start(found.session, AGREED)
    yield found
    found.store.engine.dispose()
