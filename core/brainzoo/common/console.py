"""What a person reads while a command works: messages on stderr, results on stdout.

Rich is imported only where there is a terminal to decorate: ``--help`` and errors stay instant, and
a log file gets plain lines.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from brainzoo.common.launch import is_helper

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

SCHEMA = 1  # version of the object that ``--json`` prints
FIRST_SECONDS = 2.0  # nothing is shown of what takes less
LINE_SECONDS = 15.0  # between progress lines when the output is not a terminal


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


def expect_any_encoding() -> None:
    """Let stdout and stderr print a question mark for what their encoding cannot hold."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def result(text: str) -> None:
    """Print one line of a command's result to stdout."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def as_json() -> bool:
    """Return whether the command that is running was given ``--json``."""
    import click

    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get("brainzoo.json"))


def answer(data: Mapping[str, Any], *lines: str) -> None:
    """Print what a command found: ``data`` as the one object of ``--json``, else the lines."""
    if as_json():
        result(json.dumps({"schema": SCHEMA, "ok": True, "data": data}))
    else:
        for line in lines:
            result(line)


def error_json(code: str, message: str, hint: str) -> None:
    """Print the one object of ``--json`` for a command that failed."""
    found = {"code": code, "message": message, "hint": hint}
    result(json.dumps({"schema": SCHEMA, "ok": False, "error": found}))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows as aligned columns under a header, for stdout: the same in a pipe."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    padded = [map(str.ljust, row, widths) for row in (header, *rows)]
    return "\n".join("  ".join(row).rstrip() for row in padded)


def interval(value: Mapping[str, Any]) -> str:
    """Write a metric value with its interval, where it has one: ``0.41 (0.38 to 0.44)``."""
    text, ends = number(value["value"]), (value.get("low"), value.get("high"))
    return text if None in ends else f"{text} ({number(ends[0])} to {number(ends[1])})"


def number(value: float | None) -> str:
    """Write a measured number with four digits, without exponents where people need none."""
    if value is None:
        return "not a number"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


class Progress:
    """How much of something is done, and how long the rest takes; a context manager.

    Nothing is shown of what takes under two seconds. Then there is a bar on a terminal; elsewhere a
    line every fifteen seconds. Call it with how many more are done. ``total`` may be unknown;
    ``unit`` names what is counted each second, or is ``bytes`` or ``%``.
    """

    def __init__(
        self,
        text: str,
        total: float | None,
        *,
        done: float = 0,
        unit: str = "",
        hidden: bool = False,
    ) -> None:
        self._text, self._total, self._done, self._unit = text, total, done, unit
        self.hidden = hidden or is_helper()
        self._before: float | None = done or None
        self._begun = time.monotonic()
        self._next = self._begun + FIRST_SECONDS
        self._task: TaskID | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        global _display
        if self._task is not None and _display is not None:
            _display.remove_task(self._task)
            if not _display.tasks:
                _display.stop()
                _display = None

    def __call__(self, more: float) -> None:
        """Show that so many more are done."""
        self._before = self._before or 0
        self.show(self._done + more)

    def show(self, done: float, total: float | None = None, *, facts: str = "") -> None:
        """Show how many are done in all, of how many if that was not known, and more in words."""
        self._done, self._total = done, total or self._total
        if self._before is None or done < self._before:
            self._before = done
        now = time.monotonic()
        if self.hidden or done == self._before or now < self._next:
            return
        shown = self._shown(now - self._begun, facts)
        if not sys.stderr.isatty():
            self._next = now + LINE_SECONDS
            note(f"{self._text}: {shown}")
            return
        bars = _begin_display()
        if self._task is None:
            self._task = bars.add_task(self._text, shown="")
        bars.update(self._task, completed=done, total=self._total, shown=shown)

    def _shown(self, seconds: float, facts: str) -> str:
        """Return how far it is, how fast, and how long it still takes."""
        rate = (self._done - (self._before or 0)) / max(seconds, 1e-6)
        size = size_text if self._unit == "bytes" else "{:,}".format
        total = f" of {size(self._total)}" if self._total is not None else ""
        parts = [f"{self._done:.0f} %" if self._unit == "%" else f"{size(self._done)}{total}"]
        if self._unit == "bytes":
            parts.append(f"{size_text(rate)}/s")
        elif self._unit not in ("", "%"):
            parts.append(f"{number(rate)} {self._unit}/s")
        parts += [facts] if facts else []
        if self._total is not None and self._done < self._total:
            parts.append(f"{duration((self._total - self._done) / rate)} left")
        return ", ".join(parts)


progress = Progress
"""How it is called: ``with progress("reading", n) as advance``."""


def duration(seconds: float) -> str:
    """Write a time in the unit that people would use."""
    for most, unit, text in ((100, 1, "{:.0f} s"), (6000, 60, "{:.0f} min")):
        if seconds < most:
            return text.format(seconds / unit)
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def size_text(size: float) -> str:
    """Return a number of bytes as people read it: ``4.5 GB``."""
    for unit in ("bytes", "kB", "MB"):
        if round(size) < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


_display: Bars | None = None
"""What is on the terminal, a bar for each thing that is being done; lines are printed above it."""


def _begin_display() -> Bars:
    global _display
    if _display is None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        name, shown = "{task.description}", "{task.fields[shown]}"
        columns = (TextColumn(name, markup=False), BarColumn(), TextColumn(shown, markup=False))
        _display = Progress(*columns, console=Console(stderr=True), transient=True)
        _display.start()
    return _display


def _print(text: str, style: str) -> None:
    if not sys.stderr.isatty():
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
        return
    from rich.console import Console

    console = _display.console if _display else Console(stderr=True)
    console.print(text, style=style or None, markup=False, highlight=False, soft_wrap=True)
