"""``brainzoo new``: write a plugin package that passes its contract as it is."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from string import Template

import click

import brainzoo
from brainzoo.cli.params import command_options
from brainzoo.common import console
from brainzoo.common.errors import ExistsError, OptionError
from brainzoo.common.version import __version__
from brainzoo.plugin.manager import KINDS, KNOWN, Kind, plugins

NAME = re.compile(r"(?!brainzoo-)[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_NAME = 30

SUMMARIES = {
    "dataset": "Scans in a folder with a table.",
    "generator": "A small variational autoencoder.",
    "evaluator": "How sharp the images are.",
    "exporter": "A numpy file per image.",
}
USAGE = {
    "dataset": "data {name} --data.root FOLDER",
    "generator": "run {name} --data atlas --preset quick",
    "evaluator": "evaluate {name} RUN",
    "exporter": "export RUN --to {name} --out FOLDER",
}


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@command_options()
def new(kind: Kind, name: str) -> None:
    """Write a new plugin package into ./brainzoo-NAME.

    It works and passes its tests as it is. Replace what it holds with your own model, data,
    measure or format.
    """
    check_name(kind, name)
    folder = Path(f"brainzoo-{name}")
    if folder.exists():
        raise ExistsError(f"{folder} exists already.", "Choose another name, or remove it.")
    written = write_package(folder, kind, name)
    paths = [f"{folder}/{path}" for path in written]
    console.answer({"folder": str(folder), "files": written}, *paths)
    words = _words(kind, name)
    console.note(
        f'\nNext:  cd {folder} && pip install -e ".[test]" && pytest\nThen:  {words["usage"]}\n'
        f"Start in src/{words['package']}/{kind}.py; see docs/plugins.md."
    )


def check_name(kind: Kind, name: str) -> None:
    """Refuse a name that cannot be a package, or that is taken."""
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise OptionError(
            f"{name!r} cannot name a plugin: expected up to {LONGEST_NAME} lower-case letters, "
            "digits and single dashes, a letter first, without brainzoo- in front.",
        )
    if name in (spec.name for spec in plugins().specs(kind)):
        package = plugins().of(kind, name).distribution
        raise OptionError(f"the {kind} {name!r} is taken: {package} offers it.", "Choose another.")
    if name in KNOWN or find_spec(_words(kind, name)["package"]):
        raise OptionError(f"the package brainzoo-{name} is there already.", "Choose another name.")


def write_package(folder: Path, kind: Kind, name: str) -> list[str]:
    """Write the package of a checked name; complete or absent."""
    from brainzoo.common.files import new_folder

    words = _words(kind, name)
    templates: dict[str, Path] = {}
    for part in ("common", kind):  # a kind may bring its own version of a common file
        root = Path(brainzoo.__file__).parent / "templates" / part
        templates |= {p.relative_to(root).as_posix(): p for p in root.rglob("*.template")}
    written = []
    with new_folder(folder) as temporary:
        for relative, template in sorted(templates.items()):
            path = relative.removesuffix(".template").replace("PACKAGE", words["package"])
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            text = Template(template.read_text(encoding="utf-8")).substitute(words)
            (temporary / path).write_text(text, encoding="utf-8")
            written.append(path)
    return written


def _words(kind: Kind, name: str) -> dict[str, str]:
    """Return what the templates' placeholders stand for."""
    holds = "holds the options of the command line"
    version = ".".join(__version__.split(".")[:2])
    camel = "".join(part.capitalize() for part in name.split("-"))
    training, package = kind == "generator", f"brainzoo_{name.replace('-', '_')}"
    needed = [f"brainzoo-core{'[training]' if training else ''}~={version}.0"]
    needed += {"generator": ["torch"], "dataset": []}.get(kind, ["numpy"])
    return {
        "kind": kind,
        "name": name,
        "distribution": f"brainzoo-{name}",
        "package": package,
        "class_name": f"{camel}{kind.capitalize()}",
        "config": f"{camel}Config",
        "also": f", and {holds}" if training else "",
        "more": "" if training else f"- `src/{package}/config.py` {holds}.\n",
        "contract": f"{kind.capitalize()}Contract",
        "summary": SUMMARIES[kind],
        "usage": f"brainzoo {USAGE[kind].format(name=name)}",
        "dependencies": ", ".join(f'"{package}"' for package in needed),
    }
