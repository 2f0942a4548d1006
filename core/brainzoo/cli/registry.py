"""``brainzoo registry``: files of entries: check, add, refresh."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo.cli.params import common_options
from brainzoo.common import console


@click.group(invoke_without_command=True)
@click.pass_context
def registry(ctx: click.Context) -> None:
    """Check the registry of checkpoints, and add to it."""
    if ctx.invoked_subcommand is None:
        console.result(ctx.get_help())


@registry.command()
@click.argument("file", type=click.Path(path_type=Path))
@common_options
def check(file: Path) -> None:
    """Check a file of entries: brainzoo's own or a plugin's fragment."""
    from brainzoo.zoo.registry import read_registry

    names = [entry.address for entry in read_registry(file)]
    console.answer({"checkpoints": names}, f"{file} is sound: {len(names)} checkpoints.")


@registry.command()
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN|CHECKPOINT")
@click.argument("name")
@click.option("--version", metavar="X.Y.Z", default="1.0.0", help="[default: 1.0.0]")
@click.option("--replace", is_flag=True, help="Replace an entry that was never released.")
@common_options
def add(run: Path, name: str, version: str, replace: bool) -> None:
    """Put the checkpoint of a run into its plugin's package, and list it.

    For maintainers, in a clone of the repository. What the publish gate refuses is refused, and
    what has over 12 MB; brainzoo round halves the weights. The files go to checkpoints/NAME in the
    source of the plugin, with a picture of the first 64 samples of seed 0 (16 in 3-D).

    \b
    brainzoo registry add runs/dcgan-ixi-001 dcgan-ixi-64
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.zoo.adding import Place
    from brainzoo.zoo.adding import add as add_checkpoint
    from brainzoo.zoo.loading import find_checkpoint, generator_of

    place = Place.of(generator_of(run))
    folder, entry = add_checkpoint(
        find_checkpoint(run), name, version=version, replace=replace, place=place
    )
    console.note(f"listed in {place.registry}")
    console.answer({"folder": str(folder), "entry": entry.model_dump(mode="json")}, str(folder))


@registry.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--file", type=click.Path(path_type=Path), help="[default: brainzoo's registry.yaml]")
@common_options
def refresh(names: tuple[str, ...], file: Path | None) -> None:
    """Write cards and entries of packaged checkpoints anew, after their files changed.

    For maintainers, in a clone, and only for what no release holds: model cards are written from
    config.json and metrics.json, then sizes and SHA-256 of all files go into the registry.
    """
    from brainzoo.zoo.adding import refresh as refreshed
    from brainzoo.zoo.registry import packaged

    changed = [entry.address for entry in refreshed(file or packaged(), names)]
    console.answer({"changed": changed}, *(changed or ["nothing changed."]))
