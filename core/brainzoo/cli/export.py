"""``brainzoo export`` and ``report``: images as files, and a run as a page, for people."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo.cli import installed
from brainzoo.cli.dynamic import DynamicCommand, Words, given_options
from brainzoo.cli.params import command_options, config_options, out_option
from brainzoo.common import console
from brainzoo.plugin.part import part_of


def more_options(ctx: click.Context, words: Words) -> list[click.Parameter]:
    """Return the options of the exporter that is named."""
    name = words.options.get("exporter")
    if name is None:
        return []
    config = installed(ctx).get("exporter", name).config
    return config_options(config, f"Exporter {name}", prefix=f"{name}.")


@click.command(cls=DynamicCommand, more=more_options, names=("exporter",))
@click.argument("images", type=click.Path(path_type=Path), metavar="IMAGES|RUN")
@click.option("--to", "exporter", metavar="EXPORTER", required=True, help="nifti, png, ...")
@out_option("The new folder.", required=True)
@command_options()
@click.pass_context
def export(ctx: click.Context, images: Path, exporter: str, out: Path) -> None:
    """Write images as files; a run's samples if a run is named.

    \b
    brainzoo export runs/dcgan-ixi-001 --to nifti --out volumes

    Give --to before --help to see the exporter's options.
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.data.images import Images
    from brainzoo.runs import pipeline

    run = images if (images / "run.yaml").is_file() else None
    part = part_of(installed(ctx).get("exporter", exporter), given_options(ctx, exporter))
    opened = pipeline.samples_of(run) if run else Images.open(images)
    files = pipeline.export(part, opened, out, run=run)
    console.note(f"{len(files)} files")
    console.answer({"folder": str(out), "files": [str(path) for path in files]}, str(out))


@click.command()
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@out_option("The new folder. [default: RUN/report]")
@command_options()
def report(run: Path, out: Path | None) -> None:
    """Write the report of a run: one page, readable without a network."""
    from brainzoo.plugin.run import read_record
    from brainzoo.runs import pipeline

    read_record(run)
    page = str(pipeline.report(run, out))
    console.answer({"report": page}, page)
