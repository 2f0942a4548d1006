"""``brainzoo export``: images as files for people and other programs."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo.cli.found import installed
from brainzoo.cli.params import DynamicCommand, Words, common_options, config_options, given_options
from brainzoo.common import console
from brainzoo.plugin.part import part_of


def more_options(ctx: click.Context, words: Words) -> list[click.Parameter]:
    """Return the options of the exporter that is named."""
    name = words.value("--to")
    if name is None:
        return []
    config = installed(ctx).get("exporter", name).config
    return config_options(config, f"Exporter {name}", prefix=f"{name}.")


@click.command(cls=DynamicCommand, more=more_options, names=("exporter",))
@click.argument("images", type=click.Path(path_type=Path), metavar="IMAGES|RUN")
@click.option("--to", "exporter", metavar="EXPORTER", required=True, help="nifti, png, ...")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The new folder.")
@common_options
@click.pass_context
def export(
    ctx: click.Context, images: Path, exporter: str, out: Path, as_json: bool, debug: bool
) -> None:
    """Write images as files; a run's samples if a run is named.

    \b
    brainzoo export runs/dcgan-ixi-001 --to nifti --out volumes

    Give --to before --help to see the exporter's options.
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.data.images import Images
    from brainzoo.runs import pipeline

    run = images if (images / "run.yaml").is_file() else None
    values = {k.removeprefix(f"{exporter}."): v for k, v in given_options(ctx).items()}
    part = part_of(installed(ctx).get("exporter", exporter), values)
    opened = Images.open(images / "samples" if run else images)
    files = pipeline.export(part, opened, out, run=run)
    if as_json:
        console.result_json({"folder": str(out), "files": [str(path) for path in files]})
        return
    console.note(f"{len(files)} files")
    console.result(str(out))
