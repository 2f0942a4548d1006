"""``brainzoo search``: checkpoints by words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from brainzoo.cli.params import common_options
from brainzoo.common import console

if TYPE_CHECKING:
    from brainzoo.zoo.registry import Entry


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
    entries.warn_of_problems(registry)
    wanted = [word.casefold() for word in words]
    usable = [entry for entry in registry.newest() if entry.status != "withdrawn"]
    shown = [entry for entry in usable if all(word in _text(entry) for word in wanted)]
    if as_json:
        console.result_json({"checkpoints": [entries.as_json(entry) for entry in shown]})
    elif shown:
        entries.print_entries(shown)
    else:
        console.note(f"no checkpoint has {' and '.join(words)}; brainzoo list shows all.")


def _text(entry: Entry) -> str:
    shape = " x ".join(map(str, entry.image_shape[1:]))
    parts = [
        *(entry.name, entry.plugin, entry.license, entry.data.name, entry.data.license),
        *(*entry.modality, f"{entry.spatial_dims}-d", f"{entry.spatial_dims}d", shape),
        *("slices" if entry.spatial_dims == 2 else "volumes", entry.paper or ""),
        *(entry.intended_use, entry.limitations),
    ]
    return "\n".join(parts).casefold()
