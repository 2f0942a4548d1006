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
    pairs,
    size_option,
)
from brainzoo.common import console
from brainzoo.common.files import expect_folder_place
from brainzoo.runs.settings import dataset_part, is_images_folder


def more_options(ctx: click.Context, words: Words) -> list[click.Parameter]:
    """Return the options of the dataset that is named."""
    plugins = installed(ctx)
    name = words.known("dataset", plugins) or next(iter(words.arguments), None)
    return [*(dataset_options(plugins, name) if name else []), size_option()]


@click.command(cls=DynamicCommand, more=more_options, names=("dataset",))
@click.argument("dataset", metavar="DATASET")
@classes_option
@out_option("A new folder for the images, instead of the cache.")
@cluster_option
@common_options
@click.pass_context
def data(ctx: click.Context, dataset: str, classes: tuple[str, ...], out: Path | None) -> None:
    """Prepare a dataset, or open a folder of prepared images, and describe it.

    \b
    brainzoo data ixi --class young="age < 35" --class old="age > 60"

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
        given = {key.removeprefix("data."): value for key, value in given_options(ctx).items()}
        part, config = dataset_part(plugins, dataset, given)
        source = plugins.load("dataset", dataset)(part.config)
        images = prepare(source, config, name=dataset, classes=pairs(classes, "--class"), out=out)
        if console.as_json():
            notes = dict(understood(source, list(source.subjects()), dataset))
    found = {**describe(images), "folder": str(images.folder)}
    if notes:
        found["understood"] = notes
    console.answer(found, describe_text(found), f"\nfolder: {images.folder}")
