"""``brainzoo search``: checkpoints by words."""

from __future__ import annotations

import click

from brainzoo.cli.params import common_options
from brainzoo.common import console


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="WORD...")
@common_options
def search(words: tuple[str, ...], as_json: bool, debug: bool) -> None:
    """List the checkpoints in which all words occur: name, generator, data, modality, licence ...

    \b
    brainzoo search pggan ixi
    brainzoo search 3-d t1w
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.cli import entries
    from brainzoo.zoo.registry import known

    registry = known()
    for problem in registry.problems:
        console.warn(problem)
    wanted = [word.casefold() for word in words]
    usable = [entry for entry in registry.newest() if entry.status != "withdrawn"]
    shown = [entry for entry in usable if all(word in entries.words_of(entry) for word in wanted)]
    if as_json:
        console.result_json({"checkpoints": [entries.as_json(entry) for entry in shown]})
    elif shown:
        entries.print_entries(shown)
    else:
        console.note(f"no checkpoint has {' and '.join(words)}; brainzoo list shows all.")
