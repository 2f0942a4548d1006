"""``brainzoo data``: prepare a dataset and describe it."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo.cli import installed
from brainzoo.cli.params import (
    DynamicCommand,
    Words,
    classes_option,
    cluster_option,
    common_options,
    dataset_options,
    given_options,
    out_option,
    size_option,
)
from brainzoo.common import console
from brainzoo.common.errors import OptionError
from brainzoo.common.files import expect_folder_place
from brainzoo.runs.settings import dataset_part, is_images_folder, merged, preset_of


def more_options(ctx: click.Context, words: Words) -> list[click.Parameter]:
    """Return the options of the dataset that is named."""
    plugins = installed(ctx)
    name = words.known("dataset", plugins) or next(iter(words.arguments), None)
    return [*(dataset_options(plugins, name) if name else []), size_option()]


@click.command(cls=DynamicCommand, more=more_options, names=("dataset",))
@click.argument("dataset", metavar="DATASET")
@click.option("--generator", metavar="NAME", help="Prepare as a run of this generator would.")
@click.option("--preset", metavar="NAME", help="Its preset. [default: default]")
@classes_option
@out_option("A new folder for the images, instead of the cache.")
@cluster_option
@common_options
@click.pass_context
def data(
    ctx: click.Context,
    dataset: str,
    generator: str | None,
    preset: str | None,
    classes: dict[str, str],
    out: Path | None,
) -> None:
    """Prepare a dataset, or open a folder of prepared images, and describe it.

    \b
    brainzoo data ixi --class young="age < 35" --class old="age > 60"
    brainzoo data ixi --generator pggan --preset quick     as that run prepares it

    Name a dataset before --help to see its options.
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.data.images import Images
    from brainzoo.preparation.describe import describe, describe_text, understood
    from brainzoo.preparation.prepare import prepare

    notes: dict[str, str] = {}
    if is_images_folder(dataset):
        images = Images.open(dataset, verify=True)
    else:
        if out:
            expect_folder_place(out)
        plugins = installed(ctx)
        options = given_options(ctx)
        if generator:
            sets = preset_of(plugins.get("generator", generator), preset or "default")
            own = {k: v for k, v in sets.items() if k == "size" or k.startswith("data.")}
            options = merged(own, options)
        elif preset:
            raise OptionError("a preset is of a generator.", "Name it: --generator pggan")
        given = {key.removeprefix("data."): value for key, value in options.items()}
        part, config = dataset_part(plugins, dataset, given)
        source = plugins.load("dataset", dataset)(part.config)
        images = prepare(source, config, name=dataset, classes=classes, out=out)
        if console.as_json():
            notes = dict(understood(source, list(source.subjects()), dataset))
    found = {**describe(images), "folder": str(images.folder)}
    if notes:
        found["understood"] = notes
    console.answer(found, describe_text(found), f"\nfolder: {images.folder}")
