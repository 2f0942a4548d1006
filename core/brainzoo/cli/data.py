"""``brainzoo data``: prepare a dataset and describe it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from brainzoo.cli import installed
from brainzoo.cli.dynamic import DynamicCommand, Words, given_options
from brainzoo.cli.params import (
    ConfigOption,
    cluster_option,
    command_options,
    config_options,
    out_option,
    pairs,
)
from brainzoo.common import console
from brainzoo.common.errors import OptionError
from brainzoo.common.files import expect_folder_place
from brainzoo.plugin.manager import Plugins
from brainzoo.plugin.options import options_of
from brainzoo.preparation.config import PrepareConfig
from brainzoo.runs.settings import dataset_part, is_images_folder, merged, preset_of


def dataset_options(
    plugins: Plugins, data: str, presets: Mapping[str, Mapping[str, Any]] | None = None
) -> list[click.Parameter]:
    """Return the options of a dataset and of preparing it, each as ``--data.NAME``."""
    if is_images_folder(data):
        return []
    config = plugins.get("dataset", data).config
    own = [item.name for item in options_of(config)]
    add = functools.partial(config_options, group=f"Data {data}", prefix="data.", presets=presets)
    return [*add(config), *add(PrepareConfig, leave_out=[*own, "size"])]


def size_option(presets: Mapping[str, Mapping[str, Any]] | None = None) -> click.Parameter:
    """Return ``--size``: an option of preparing that is so common that it has no prefix."""
    item = next(item for item in options_of(PrepareConfig) if item.name == "size")
    return ConfigOption(item, "", "Common options", presets or {})


def _classes(ctx: click.Context, _: click.Parameter, words: Sequence[str]) -> dict[str, str]:
    found = pairs(words, "--class")
    if found:
        from brainzoo.data.classes import Expression

        for text in found.values():  # a typing error ends here, not after a download
            Expression(text)
    return found


classes_option = click.option(
    "--class",
    "classes",
    multiple=True,
    callback=_classes,
    metavar="NAME=EXPR",
    help='A class of subjects, e.g. young="age < 35"; repeatable.',
)


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
@command_options()
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
