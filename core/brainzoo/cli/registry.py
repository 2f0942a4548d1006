"""``brainzoo registry``: the file of entries itself: check one, its schema, newer entries."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from brainzoo import console
from brainzoo.cli.params import common_options
from brainzoo.errors import OptionError


@click.group(invoke_without_command=True)
@click.pass_context
def registry(ctx: click.Context) -> None:
    """Check, describe and update the registry of checkpoints."""
    if ctx.invoked_subcommand is None:
        console.result(ctx.get_help())


@registry.command()
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def schema(debug: bool) -> None:
    """Print the JSON Schema of a file of entries, for editors and CI."""
    from brainzoo.registry import schema as described

    console.result(json.dumps(described(), indent=2))


@registry.command()
@click.argument("file", type=click.Path(path_type=Path))
@common_options
def check(file: Path, as_json: bool, debug: bool) -> None:
    """Check a file of entries: brainzoo's own or a plugin's fragment."""
    from brainzoo.registry.parse import read_registry

    found = read_registry(file)
    names = [entry.reference for entry in found.checkpoints]
    if as_json:
        console.result_json({"serial": found.serial, "checkpoints": names})
    else:
        console.result(f"{file} is sound: serial {found.serial}, {len(names)} checkpoints.")


@registry.command()
@click.argument("repository", metavar="OWNER/REPOSITORY")
@click.option("--yes", is_flag=True, help="Take the changes over without asking.")
@common_options
def update(repository: str, yes: bool, as_json: bool, debug: bool) -> None:
    """Fetch newer entries from the Hub, show what changes, and ask.

    What was published stays as it is: an update that changes files of a known version is refused.
    There is no default repository: you decide whom you trust.
    """
    from brainzoo.hub import registry_bytes
    from brainzoo.registry.merge import current
    from brainzoo.registry.update import accept, prepare

    found = prepare(current(), registry_bytes(repository))
    if found.lines and not yes:
        for line in found.lines:
            console.note(line)
        if as_json or not asks():
            raise OptionError("nobody can be asked here; nothing is changed.", "Add --yes.")
        if not click.confirm("Take this over?", err=True):
            console.note("nothing is changed.")
            return
    if found.lines:
        accept(found)
    if as_json:
        console.result_json({"serial": found.registry.serial, "changes": [*found.lines]})
        return
    for line in found.lines if yes else ():
        console.result(line)
    serial = found.registry.serial
    console.result(
        f"updated to serial {serial}." if found.lines else f"up to date: serial {serial}."
    )


def asks() -> bool:
    """Tell whether there is someone to ask."""
    return sys.stdin.isatty()
