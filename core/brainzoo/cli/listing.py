"""``brainzoo list``, ``search`` and ``info``: the checkpoints that are known.

What a checkpoint makes and what was measured is read from the checkpoint, where it is on this
machine; of others the entry's summary is shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from brainzoo.cli.params import command_options
from brainzoo.common import console
from brainzoo.common.errors import BrainzooError, NotFoundError

if TYPE_CHECKING:
    from brainzoo.zoo.entry import Entry
    from brainzoo.zoo.registry import Registry


About = dict[str, Any] | None
"""What a checkpoint says of itself, where it is on this machine."""


@click.command(name="list")
@click.option("--all", "every", is_flag=True, help="Also list older and withdrawn versions.")
@command_options()
def listing(every: bool) -> None:
    """List the checkpoints of the zoo, without any network; brainzoo info NAME shows more."""
    _show(every=every)


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="WORD...")
@command_options()
def search(words: tuple[str, ...]) -> None:
    """List the checkpoints in which all words occur: name, generator, data, modality, licence ...

    \b
    brainzoo search pggan ixi
    brainzoo search 3-d t1w
    """  # noqa: D301 - click's mark for lines that stay as they are
    _show(*words)


@click.command()
@click.argument("name", metavar="NAME[@VERSION]")
@command_options()
def info(name: str) -> None:
    """Show what a checkpoint makes, what it was trained on, what was measured, and how to use it.

    \b
    brainzoo info pggan-ixi-64
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.zoo.address import Named, parse
    from brainzoo.zoo.entry import OthersSource

    wanted = parse(name)
    if not isinstance(wanted, Named):
        raise NotFoundError(f"{wanted} is not a name of the registry.", "See: brainzoo list")
    registry = _registry()
    entry = registry.get(wanted.name, wanted.version)
    about = _read(entry)
    versions = [other.version for other in registry.versions(wanted.name)]
    facts = [*_facts(entry, about, versions), ("listed by", registry.origins[entry.name])]
    width = max(len(name) for name, _ in facts)
    others = isinstance(entry.source, OthersSource)
    accepted = (", accept_licence=True", " --accept-licence") if others else ("", "")
    use = [
        "import brainzoo",
        f'generator = brainzoo.load("{entry.name}"{accepted[0]})',
        "images = generator.images(16, seed=0)",
        "",
        f"brainzoo sample {entry.name} -n 100 --out made{accepted[1]}",
    ]
    console.answer(
        {"checkpoint": {**_as_json(entry, about), "versions": versions}, "use": use},
        entry.address,
        *(f"  {name.ljust(width)}  {' '.join(text.split())}" for name, text in facts if text),
        *_measured(about),
        "\nuse",
        *(f"  {line}".rstrip() for line in use),
    )


def _registry() -> Registry:
    from brainzoo.zoo.registry import known

    registry = known()
    for problem in registry.problems:
        console.warn(problem)
    return registry


def _show(*words: str, every: bool = False) -> None:
    """Print a line for each checkpoint that has these words, models by others in a table below."""
    from brainzoo.zoo.entry import OthersSource

    registry = _registry()
    entries = registry.entries if every else [e for e in registry.newest() if not e.withdrawn]
    found = [(entry, about) for entry in entries if _has(entry, about := _read(entry), words)]
    if not found:
        wanted = " and ".join(words) or "anything"
        console.note(
            f"no checkpoint matches {wanted}; brainzoo list shows all, brainzoo run makes one."
        )
    own, others = [], []
    for entry, about in found:
        if isinstance(source := entry.source, OthersSource):
            licence = f"{source.licence}{'' if source.commercial else ' (non-commercial)'}"
            row = [entry.name, entry.summary, source.people, licence, f"{source.megabytes:,}"]
            others.append([*row, f"{source.memory_gb:g}", _where(entry)])
        else:
            own.append(_row(entry, about))
    header = ["name", "makes", "subjects", "licence", "MB", "privacy", "where"]
    lines = [console.table(header, own)] if own else []
    if others:
        header = ["by others", "makes", "people", "licence", "MB", "GB of memory", "where"]
        lines += [*([""] if own else []), console.table(header, others)]
    console.answer({"checkpoints": [_as_json(*one) for one in found]}, *lines)


def _row(entry: Entry, about: About) -> list[str]:
    """Return the cells of a checkpoint; of one that is elsewhere its summary says all."""
    makes, subjects, licence, privacy = entry.summary, "", "", ""
    if about:
        makes, licence, privacy = about["makes"], about["license"], about["privacy"]
        subjects = f"{about['subjects']:,} of {about['data']}"
    name = f"{entry.name} {entry.version} withdrawn" if entry.withdrawn else entry.name
    return [name, makes, subjects, licence, f"{entry.size / 1e6:,.1f}", privacy, _where(entry)]


def _has(entry: Entry, about: About, words: Sequence[str]) -> bool:
    said = [entry.name, entry.plugin, entry.summary, *map(str, (about or {}).values())]
    text = "\n".join(said).casefold()
    return all(word.casefold() in text.replace("×", "x") for word in words)


def _as_json(entry: Entry, about: About) -> dict[str, Any]:
    """Return an entry, where its files are, and what its checkpoint says if it is here."""
    here = {"where": _where(entry), "bytes": entry.size, "checkpoint": about}
    return {**entry.model_dump(mode="json"), **here}


def _where(entry: Entry) -> str:
    """Say in words where the files are; they are not read."""
    from brainzoo.zoo.cache import local
    from brainzoo.zoo.entry import PackageSource

    package = isinstance(entry.source, PackageSource)
    if local(entry) is None:
        return f"pip install {entry.distribution}" if package else "on the Hub"
    return "in package" if package else "here"


def _read(entry: Entry) -> About:
    """Return what a checkpoint says of itself, if it is on this machine and sound."""
    from brainzoo.checkpoint.reading import makes, privacy_of, read_config
    from brainzoo.zoo.cache import local

    folder = local(entry)
    if folder is None:
        return None
    try:
        config = read_config(folder)
        privacy = privacy_of(folder)
    except BrainzooError:
        return None
    images, data = config["images"], config["trained_on"]
    spacing = [f"{mm:g}" for mm in config["preprocessing"].get("spacing_mm") or ()]
    spacing = spacing[:1] if len(set(spacing)) == 1 else spacing
    return {
        "makes": makes(config) + (f", {' × '.join(spacing)} mm" if spacing else ""),
        "dimensions": f"{len(images['spatial'])}-d",
        "shape": [images["channels"], *images["spatial"]],
        "conditions": _conditions(config),
        "subjects": data["n_subjects"],
        "data": data["dataset"].get("name") or "unknown data",
        "license": data["dataset"].get("license") or "unknown",
        "url": data["dataset"].get("url") or "",
        "parameters": config["weights"]["parameters"],
        "requires": f"{config['plugin']['distribution']}{config['plugin']['requires']}",
        "training": config.get("training"),
        "privacy": privacy,
        "metrics": _metrics(folder),
    }


def _conditions(config: Mapping[str, Any]) -> dict[str, str]:
    """Return what can be asked for, and the values that training saw."""
    from brainzoo.data.conditions import Conditions

    if "conditions" in config:
        known = Conditions.of_checkpoint(config).columns
        return {column.name: column.seen for column in known}
    classes = config["images"]["classes"]
    return {"class": ", ".join(classes)} if classes else {}


def _metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the metric values of a checkpoint, each with its evaluator."""
    from brainzoo.checkpoint.card import metrics_of
    from brainzoo.checkpoint.names import METRICS

    try:
        evaluators = json.loads((folder / METRICS).read_text(encoding="utf-8"))["evaluators"]
        return [{"evaluator": name, **metric} for name, metric in metrics_of(evaluators)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _facts(entry: Entry, about: About, versions: Sequence[str]) -> Iterator[tuple[str, str]]:
    from brainzoo.checkpoint.card import training_time
    from brainzoo.zoo.entry import OthersSource

    yield "withdrawn", entry.withdrawn or ""
    pull = f"brainzoo pull {entry.name}, then brainzoo info shows all"
    about = about or {"makes": entry.summary, "more": pull}
    made, asked = about.get("training"), about.get("conditions", {})
    yield "generator", entry.plugin
    for name, value in about.items():
        if name not in ("metrics", "shape", "dimensions", "training", "conditions"):
            yield name, f"{value:,}" if isinstance(value, int) else str(value)
    yield "conditions", ", ".join(f"{name} ({values})" for name, values in asked.items())
    if made:
        yield "made with", made["command"]
        about_it = [f"seed {made['seed']}", made.get("hardware"), training_time(made)]
        yield "", ", ".join(filter(None, about_it))
    if isinstance(source := entry.source, OthersSource):
        yield "people", source.people
        yield "their licence", f"{source.terms}: {source.licence_url}"
        yield "their data", f"{source.data}, {source.subjects:,} subjects"
        yield "paper", source.citation
        yield "memory", f"about {source.memory_gb:g} GB an image"
    yield "where", _where(entry)
    yield "source", str(entry.source)
    yield "size", f"{entry.size / 1e6:,.1f} MB"
    yield "weights", entry.weights_sha256 if entry.files else ""
    yield "versions", ", ".join(versions) if len(versions) > 1 else ""


def _measured(about: About) -> Iterator[str]:
    from brainzoo.checkpoint.card import metric_rows

    rows = list(metric_rows((m["evaluator"], m) for m in (about or {}).get("metrics", ())))
    if rows:
        header = ["evaluator", "metric", "value", "floor", "n"]
        yield f"\nmeasured\n{console.table(header, rows)}"
