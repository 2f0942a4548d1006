"""Registry entries for people: a table of many, all about one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from brainzoo.common import console

if TYPE_CHECKING:
    from brainzoo.zoo.registry import Entry, Registry
    from brainzoo.zoo.registry.schema import Metric

HEADLINES = 3  # figures shown of an entry in a table


def warn_of_problems(registry: Registry) -> None:
    """Warn of every file of entries that is left out."""
    for problem in registry.problems:
        console.warn(problem)


def as_json(entry: Entry) -> dict[str, Any]:
    """Return an entry as it stands in the registry, with where its files are."""
    from brainzoo.zoo.registry.where import where

    plain: dict[str, Any] = entry.model_dump(mode="json", by_alias=True)
    return {**plain, "where": where(entry), "bytes": entry.size}


def print_entries(entries: Iterable[Entry]) -> None:
    """Print a line an entry: name, what it makes, size, spacing, licence, where, figures."""
    from brainzoo.zoo.registry.where import where

    header = ["name", "version", "makes", "size", "spacing", "licence", "where", "measured"]
    rows = [
        [
            entry.name,
            entry.version if entry.status == "active" else f"{entry.version} {entry.status}",
            f"{_kind(entry)} ({entry.plugin})",
            " × ".join(map(str, entry.image_shape[1:])),
            spacing(entry),
            entry.license,
            where(entry),
            "; ".join(f"{m.name} {interval(m)}" for m in headline(entry)) or "-",
        ]
        for entry in entries
    ]
    print_table(header, rows)


def print_entry(entry: Entry, versions: Sequence[Entry], origin: str) -> None:
    """Print all that is known of one entry, and how to use it."""
    facts = list(_facts(entry, versions, origin))
    width = max(len(name) for name, _ in facts)
    _heading(entry.reference)
    for name, text in facts:
        _fact(name, text, width)
    if entry.metrics:
        console.result("\nmeasured")
        rows = [
            [m.name, interval(m), _number(m.floor), f"{m.n:,}", _line(m.protocol or "")]
            for m in entry.metrics
        ]
        print_table(["figure", "value", "floor", "n", "how"], rows)
    console.result("\nuse")
    for line in use(entry.name):
        console.result(f"  {line}".rstrip())


def use(name: str) -> list[str]:
    """Return the three lines of Python that draw samples, and the command that does."""
    return [
        "import brainzoo",
        f'generator = brainzoo.load("{name}")',
        "images = generator.images(16, seed=0)",
        "",
        f"brainzoo sample {name} -n 100 --out made",
    ]


def headline(entry: Entry) -> list[Metric]:
    """Return the first figure of each evaluator, at most three."""
    first: dict[str, Metric] = {}
    for metric in entry.metrics:
        first.setdefault((metric.protocol or "").partition(":")[0], metric)
    return list(first.values())[:HEADLINES]


def interval(metric: Metric) -> str:
    """Return a figure with its interval, if it has one."""
    if metric.low is None or metric.high is None:
        return console.number(metric.value)
    low, high = console.number(metric.low), console.number(metric.high)
    return f"{console.number(metric.value)} ({low} to {high})"


def spacing(entry: Entry) -> str:
    """Return the spacing, once if it is the same on every axis."""
    numbers = list(dict.fromkeys(f"{value:g}" for value in entry.spacing_mm))
    shown = numbers if len(numbers) == 1 else [f"{value:g}" for value in entry.spacing_mm]
    return f"{' × '.join(shown)} mm"


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table that fits a terminal; plain aligned columns in a pipe."""
    if not sys.stdout.isatty():
        console.result(console.table(header, rows))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=None, header_style="dim", pad_edge=False, show_edge=False, padding=(0, 2, 0, 0)
    )
    for number, title in enumerate(header):
        table.add_column(Text(title), no_wrap=number == 0, overflow="fold")
    for row in rows:
        table.add_row(Text(row[0], style="bold"), *(Text(cell) for cell in row[1:]))
    Console().print(table)


def _facts(entry: Entry, versions: Sequence[Entry], origin: str) -> Iterator[tuple[str, str]]:
    from brainzoo.zoo.registry.where import where

    if entry.status != "active":
        instead = f" Use {entry.replaced_by} instead." if entry.replaced_by else ""
        yield entry.status, f"{_line(entry.reason or '')}{instead}"
    size = " × ".join(map(str, entry.image_shape[1:]))
    yield "makes", f"{_kind(entry)} of {size}, {spacing(entry)}"
    yield "generator", f"{entry.plugin}, {entry.params:,} parameters"
    yield "needs", entry.plugin_requires
    yield "licence", entry.license
    data, version = entry.data, f" {entry.data.version}" if entry.data.version else ""
    of = f"{data.name}{version}, {data.n_subjects:,} subjects, {data.license}"
    yield "trained on", f"{of}, {data.url}" if data.url else of
    yield "where", where(entry) + (", access on request" if entry.access == "gated" else "")
    yield "source", source(entry)
    yield "files", f"{len(entry.files)}, {entry.size / 1e6:,.1f} MB"
    yield "weights", entry.weights_sha256
    if entry.training:
        made = entry.training
        yield "made with", _line(made.command)
        about = [f"seed {made.seed}", made.hardware, made.commit and f"commit {made.commit}"]
        yield "", ", ".join(part for part in about if part)
    if entry.paper:
        yield "paper", entry.paper
    yield "for", _line(entry.intended_use)
    yield "limits", _line(entry.limitations)
    if len(versions) > 1:
        yield "versions", ", ".join(other.version for other in versions)
    yield "listed by", origin


def source(entry: Entry) -> str:
    """Return where the files come from, exactly."""
    from brainzoo.zoo.registry import HubSource

    if isinstance(entry.source, HubSource):
        return f"hf:{entry.source.hub}@{entry.source.revision}"
    return f"{entry.source.package}, {entry.source.path}"


def _kind(entry: Entry) -> str:
    return f"{', '.join(entry.modality)} {'slices' if entry.spatial_dims == 2 else 'volumes'}"


def _heading(text: str) -> None:
    if not sys.stdout.isatty():
        console.result(text)
        return
    from rich.console import Console
    from rich.text import Text

    Console().print(Text(text, style="bold"))


def _fact(name: str, text: str, width: int) -> None:
    if not sys.stdout.isatty():
        console.result(f"  {name.ljust(width)}  {text}".rstrip())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_column(width=width + 2)
    line.add_column(overflow="fold")
    line.add_row(Text(f"  {name}", style="dim"), Text(text))
    Console().print(line)


def _line(text: str) -> str:
    return " ".join(text.split())


def _number(value: float | None) -> str:
    return "" if value is None else console.number(value)
