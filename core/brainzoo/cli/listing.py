"""``brainzoo list``: the checkpoints that are known."""

from __future__ import annotations

import click

from brainzoo.cli.params import common_options
from brainzoo.common import console


@click.command(name="list")
@click.option("--all", "every", is_flag=True, help="Also older versions and withdrawn ones.")
@common_options
def listing(every: bool, as_json: bool, debug: bool) -> None:
    """List the checkpoints of the zoo, without any network.

    \b
    brainzoo list
    brainzoo info NAME
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.cli import entries
    from brainzoo.zoo.registry import known

    registry = known()
    for problem in registry.problems:
        console.warn(problem)
    shown = [*registry] if every else [e for e in registry.newest() if e.status != "withdrawn"]
    if as_json:
        found = [entries.as_json(entry) for entry in shown]
        console.result_json({"serial": registry.serial, "checkpoints": found})
    elif shown:
        entries.print_entries(shown)
    else:
        console.note("no checkpoints are known yet; brainzoo run trains one.")
