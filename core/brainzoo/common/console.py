"""What a person reads while a command works: messages on stderr, results on stdout.

Rich is imported only where there is a terminal to decorate: ``--help`` and errors stay instant, and
a log file gets plain lines.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from brainzoo.common.launch import is_helper

SCHEMA = 1
"""Version of the object that ``--json`` prints."""

PLAIN_SECONDS = 10.0
"""Between lines of progress where there is no terminal."""


def note(text: str) -> None:
    """Print one line to stderr; of processes that train together, the first one does."""
    if not is_helper():
        _print(text, "")


def warn(text: str) -> None:
    """Print one line to stderr that starts with ``warning:``, as :func:`note` does."""
    if not is_helper():
        _print(f"warning: {text}", "yellow")


def error(text: str) -> None:
    """Print one line to stderr that starts with ``brainzoo:``."""
    _print(f"brainzoo: {text}", "bold red")


def result(text: str) -> None:
    """Print one line of a command's result to stdout."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def result_json(data: Mapping[str, Any]) -> None:
    """Print the one object of ``--json`` for a command that worked."""
    result(json.dumps({"schema": SCHEMA, "ok": True, "data": data}, ensure_ascii=False))


def error_json(code: str, message: str, hint: str) -> None:
    """Print the one object of ``--json`` for a command that failed."""
    found = {"code": code, "message": message, "hint": hint}
    result(json.dumps({"schema": SCHEMA, "ok": False, "error": found}, ensure_ascii=False))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows as aligned columns under a header, for stdout: the same in a pipe."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    ]
    return "\n".join(lines)


def number(value: float | None) -> str:
    """Write a measured number with four digits, without exponents where people need none."""
    if value is None:
        return "not a number"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def _print(text: str, style: str) -> None:
    if not sys.stderr.isatty():
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
        return
    from rich.console import Console

    Console(stderr=True).print(text, style=style or None, markup=False, highlight=False)


@contextmanager
def quiet() -> Iterator[None]:
    """Print no messages within a block."""
    with contextlib.redirect_stderr(io.StringIO()):
        yield


@contextmanager
def progress(
    text: str, total: int, *, done: int = 0, unit: str = ""
) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with how many more are done.

    A bar on a terminal; without one, a line at most every ten seconds.

    Args:
        text: What is being done.
        total: How many there are.
        done: How many were done before.
        unit: What they are, if their number each second and the time left shall be told.
    """
    before, begun = done, time.monotonic()

    def rate() -> float:
        return (done - before) / max(time.monotonic() - begun, 1e-9)

    if sys.stderr.isatty() and not is_helper():
        from rich.console import Console
        from rich.progress import Progress, TextColumn

        columns = [*Progress.get_default_columns(), TextColumn("{task.fields[rate]}")]
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(text, total=total, completed=done, rate="")

            def move(more: int) -> None:
                nonlocal done
                done += more
                told = f"{rate():,.3g} {unit}/s" if unit else ""
                bar.update(task, completed=done, rate=told)

            yield move
        return
    said = begun

    def advance(more: int) -> None:
        nonlocal done, said
        done += more
        if time.monotonic() - said > PLAIN_SECONDS:
            said = time.monotonic()
            left = (total - done) / max(rate(), 1e-9)
            told = f", {number(rate())} {unit}/s, about {left:.0f} s left" if unit else ""
            note(f"{text}: {done} of {total}{told}")

    yield advance
