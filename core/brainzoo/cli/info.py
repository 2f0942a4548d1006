"""``brainzoo info``: all that is known of one checkpoint."""

from __future__ import annotations

import click

from brainzoo.cli.params import common_options
from brainzoo.common import console
from brainzoo.common.errors import NotFoundError


@click.command()
@click.argument("name", metavar="NAME[@VERSION]")
@common_options
def info(name: str, as_json: bool, debug: bool) -> None:
    """Show what a checkpoint makes, what it was trained on, what was measured, and how to use it.

    \b
    brainzoo info pggan-ixi-64
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.cli import entries
    from brainzoo.zoo.address import Named, parse
    from brainzoo.zoo.registry import known

    wanted = parse(name)
    if not isinstance(wanted, Named):
        raise NotFoundError(f"{wanted} is not a name of the registry.", "See: brainzoo list")
    registry = known()
    for problem in registry.problems:
        console.warn(problem)
    entry = registry.get(wanted.name, wanted.version)
    versions = registry.versions(wanted.name)
    if as_json:
        known_versions = [other.version for other in versions]
        found = {**entries.as_json(entry), "versions": known_versions}
        console.result_json({"checkpoint": found, "use": entries.use(entry.name)})
        return
    entries.print_entry(entry, versions, registry.origins[entry.name])
