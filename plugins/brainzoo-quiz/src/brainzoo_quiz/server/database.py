"""Opens the database of a study: SQLite in a file, or PostgreSQL by URL.

Either way a transaction that was committed survives the kill of the server: SQLite keeps a
write-ahead log that is flushed to the disk at every commit (``synchronous=FULL``), PostgreSQL does
so by default.
"""

from __future__ import annotations

import importlib.util
import ssl
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from brainzoo.api import DataError, NetworkError, NotFoundError, OptionError
from brainzoo_quiz.study.key import write_private

FILE = "answers.sqlite"
"""The database's name in a study folder."""

WAIT_SECONDS = 30
"""How long a write waits for others."""

_WRITER = threading.Lock()

PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")

HERE = ("localhost", "127.0.0.1", "::1", None)


def open_database(place: str, *, create: bool = False, read_only: bool = False) -> Engine:
    """Return an engine on a study's database; ``create`` makes the file of SQLite if there is none.

    ``place`` is a URL (``postgresql://user:password@host/name``, ``sqlite:///answers.sqlite``), the
    file of an SQLite database, or a study folder that holds one.

    Raises:
        OptionError: It is not the URL of SQLite or PostgreSQL, or the driver is not installed.
        NotFoundError: There is no such file.
    """
    if "://" not in place:
        path = Path(place)
        url = URL.create("sqlite", database=str(path / FILE if path.is_dir() else path))
    else:
        try:
            url = make_url(place.replace("postgres://", "postgresql://", 1))
        except (ArgumentError, ValueError):
            url = URL.create("no database")
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, create, read_only)
    if url.get_backend_name() == "postgresql":
        return _postgresql(url, read_only)
    raise OptionError(  # without the URL: it may hold a password
        "--database is not the URL of SQLite or PostgreSQL.",
        "For example: postgresql://user:password@host/name",
    )


def shown(engine: Engine) -> str:
    """Return the database's place as people may read it: without its password."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(drivername="postgresql").render_as_string(hide_password=True)


def reading(engine: Engine) -> AbstractContextManager[Connection]:
    """Return a transaction that only reads: with SQLite it need not wait for those that write."""
    return engine.execution_options(reading=True).begin()


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a transaction that may write.

    SQLite has one writer at a time, and those that wait only look from time to time whether it is
    their turn; a lock of our own lets them wait in a queue.
    """
    with (
        _WRITER if engine.dialect.name == "sqlite" else nullcontext(),
        engine.begin() as connection,
    ):
        yield connection


@contextmanager
def database_errors(engine: Engine) -> Iterator[None]:
    """Turn errors of a database that is opened into one line.

    Raises:
        DataError: The file is not a database, or holds other tables.
        NetworkError: The database cannot be reached, or refuses.
    """
    try:
        yield
    except (DBAPIError, sqlalchemy.exc.TimeoutError, OSError) as error:
        found: Any = getattr(error, "orig", None) or error
        if found.args and isinstance(found.args[0], dict):  # what pg8000 raises
            found = found.args[0].get("M", "unknown")
        why = " ".join(str(found).split()).rstrip(".")
        said = f"{shown(engine)} cannot be used as a database: {why}."
        if engine.dialect.name == "sqlite":
            raise DataError(said, "Check the path and its rights.") from error
        hint = "Check that it runs, the name, the user and the password."
        raise NetworkError(said, hint) from error


def _sqlite(url: URL, create: bool, read_only: bool) -> Engine:
    if not url.database or url.database == ":memory:":
        raise OptionError("--database must be a file: answers in memory would be lost.")
    path = Path(url.database)
    if not path.is_file():
        if not create:
            raise NotFoundError(f"there is no database {path}.", "Check the path.")
        if not path.parent.is_dir():
            raise NotFoundError(f"there is no folder {path.parent}.", "Make it first.")
        write_private(path, "")  # SQLite gives its log the same rights
    engine = sqlalchemy.create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": WAIT_SECONDS},
        pool_size=10,
        max_overflow=40,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say, below
        for pragma in ("query_only=ON",) if read_only else PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # A transaction that reads first and writes later would fail when another wrote meanwhile.
        reads = read_only or connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: URL, read_only: bool) -> Engine:
    if importlib.util.find_spec("pg8000") is None:
        raise OptionError(
            "PostgreSQL needs a driver that is not installed.",
            "Run: pip install 'brainzoo-quiz[postgresql]'",
        )
    mode = url.query.get("sslmode", "disable" if url.host in HERE else "verify-full")
    if mode not in ("disable", "require", "verify-full"):
        raise OptionError("sslmode of --database must be disable, require or verify-full.")
    arguments: dict[str, Any] = {"timeout": WAIT_SECONDS}
    if mode != "disable":
        context = ssl.create_default_context()
        if mode == "require":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        arguments["ssl_context"] = context
    return sqlalchemy.create_engine(
        url.set(drivername="postgresql+pg8000").difference_update_query(["sslmode"]),
        connect_args=arguments,
        pool_size=10,
        max_overflow=20,
        execution_options={"postgresql_readonly": read_only},
        pool_pre_ping=True,  # the database may have been started anew since the last answer
        hide_parameters=True,
    )
