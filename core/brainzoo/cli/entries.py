"""Registry entries for people: a table of many, all about one.

What a checkpoint makes and what was measured is read from the checkpoint, where it is on this
machine; of others the entry's summary is shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainzoo.common import console

if TYPE_CHECKING:
    from brainzoo.zoo.entry import Entry


def as_json(entry: Entry) -> dict[str, Any]:
    """Return an entry, where its files are, and what its checkpoint says if it is here."""
    return {
        **entry.model_dump(mode="json"),
        "where": where(entry),
        "bytes": entry.size,
        "checkpoint": _read(entry),
    }


def print_entries(entries: Iterable[Entry]) -> None:
    """Print a line an entry."""
    rows = []
    for entry in entries:
        about = _read(entry)
        version = [] if entry.status == "active" else [f"{entry.version} {entry.status}"]
        rows.append(
            [
                " ".join([entry.name, *version]),
                about["makes"] if about else entry.summary,
                f"{about['subjects']:,} of {about['data']}" if about else "",
                f"{entry.size / 1e6:,.1f}",
                about["privacy"] if about else "",
                where(entry),
            ]
        )
    console.result(console.table(["name", "makes", "subjects", "MB", "privacy", "where"], rows))


def print_entry(entry: Entry, versions: Sequence[Entry], origin: str) -> None:
    """Print all that is known of one entry, and how to use it."""
    about = _read(entry)
    facts = [(name, text) for name, text in _facts(entry, about, versions, origin) if text]
    width = max(len(name) for name, _ in facts)
    console.result(entry.address)
    for name, text in facts:
        console.result(f"  {name.ljust(width)}  {' '.join(text.split())}")
    if about and about["metrics"]:
        console.result("\nmeasured")
        rows = [
            [m["evaluator"], m["name"], _interval(m), _number(m.get("floor")), f"{m['n']:,}"]
            for m in about["metrics"]
        ]
        console.result(console.table(["evaluator", "metric", "value", "floor", "n"], rows))
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


def where(entry: Entry) -> str:
    """Say in words where the files are; they are not read."""
    from brainzoo.zoo.cache import local
    from brainzoo.zoo.entry import PackageSource

    if local(entry) is None:
        package = isinstance(entry.source, PackageSource)
        return f"pip install {entry.distribution}" if package else "on the Hub"
    return "in package" if isinstance(entry.source, PackageSource) else "here"


def words_of(entry: Entry) -> str:
    """Return what a search looks through."""
    about = _read(entry) or {}
    text = "\n".join([entry.name, entry.plugin, entry.summary, *map(str, about.values())])
    return text.casefold().replace("×", "x")


def _read(entry: Entry) -> dict[str, Any] | None:
    """Return what a checkpoint says of itself, if it is on this machine and sound."""
    from brainzoo.checkpoint.names import VERDICT
    from brainzoo.checkpoint.reading import read_config
    from brainzoo.checkpoint.verdict import read_verdict
    from brainzoo.common.errors import BrainzooError
    from brainzoo.zoo.cache import local

    folder = local(entry)
    try:
        config = read_config(folder) if folder else None
        verdict = read_verdict(folder / VERDICT) if folder and VERDICT in entry.files else None
    except BrainzooError:
        return None
    if folder is None or config is None:
        return None
    images, prepared, data = config["images"], config["preprocessing"], config["trained_on"]
    spacing = [f"{mm:g}" for mm in prepared.get("spacing_mm") or ()]
    spacing = spacing[:1] if len(set(spacing)) == 1 else spacing
    kind = "slices" if len(images["spatial"]) == 2 else "volumes"
    size = " × ".join(map(str, images["spatial"]))
    return {
        "makes": f"{' + '.join(prepared.get('channels') or ['MRI'])} {kind} of {size}"
        + (f", {' × '.join(spacing)} mm" if spacing else ""),
        "dimensions": f"{len(images['spatial'])}-d",
        "shape": [images["channels"], *images["spatial"]],
        "classes": images["classes"],
        "subjects": data["n_subjects"],
        "data": data["dataset"].get("name") or "unknown data",
        "license": data["dataset"].get("license") or "unknown",
        "url": data["dataset"].get("url") or "",
        "parameters": config["weights"]["parameters"],
        "requires": f"{config['plugin']['distribution']}{config['plugin']['requires']}",
        "training": config.get("training"),
        "privacy": "not audited" if verdict is None else verdict.outcome,
        "metrics": list(_metrics(folder)),
    }


def _metrics(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the metric values of a checkpoint, each with its evaluator."""
    from brainzoo.checkpoint.names import METRICS

    try:
        evaluators = json.loads((folder / METRICS).read_text(encoding="utf-8"))["evaluators"]
        for evaluator, found in evaluators.items():
            for metric in found["metrics"]:
                if metric["value"] is not None:
                    yield {"evaluator": evaluator, **metric}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return


def _facts(
    entry: Entry, about: dict[str, Any] | None, versions: Sequence[Entry], origin: str
) -> Iterator[tuple[str, str]]:
    if entry.status != "active":
        instead = f" Use {entry.replaced_by} instead." if entry.replaced_by else ""
        yield entry.status, f"{entry.reason}{instead}"
    if about:
        yield "makes", about["makes"]
        yield "classes", ", ".join(about["classes"])
        yield "generator", f"{entry.plugin}, {about['parameters']:,} parameters"
        yield "needs", about["requires"]
        yield "trained on", f"{about['subjects']:,} subjects of {about['data']} {about['url']}"
        yield "licence", about["license"]
        yield "privacy", about["privacy"]
        made = about["training"] or {"command": "", "seed": ""}
        yield "made with", made["command"]
        yield "", ", ".join(filter(None, [f"seed {made['seed']}", made.get("hardware")]))
    else:
        yield "makes", entry.summary
        yield "generator", entry.plugin
        yield "more", f"brainzoo pull {entry.name}, then brainzoo info shows all"
    yield "where", where(entry)
    yield "source", str(entry.source)
    yield "files", f"{len(entry.files)}, {entry.size / 1e6:,.1f} MB"
    yield "weights", entry.weights_sha256
    if len(versions) > 1:
        yield "versions", ", ".join(other.version for other in versions)
    yield "listed by", origin


def _interval(metric: dict[str, Any]) -> str:
    value = console.number(metric["value"])
    if metric.get("low") is None or metric.get("high") is None:
        return value
    return f"{value} ({console.number(metric['low'])} to {console.number(metric['high'])})"


def _number(value: float | None) -> str:
    return "" if value is None else console.number(value)
