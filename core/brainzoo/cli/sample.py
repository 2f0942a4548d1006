"""``brainzoo sample``: images of a trained generator."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo import console
from brainzoo.cli.found import installed
from brainzoo.cli.params import (
    DynamicCommand,
    Words,
    common_options,
    config_options,
    given_options,
    pairs,
    seed_option,
)
from brainzoo.errors import BrainzooError
from brainzoo.files import expect_folder_place, free_folder
from brainzoo.interfaces import Value
from brainzoo.options import options_of


def more_options(ctx: click.Context, words: Words) -> list[click.Parameter]:
    """Return the options of the named checkpoint's generator that act when images are drawn."""
    if not words.arguments:
        return []
    from brainzoo.loading import generator_of

    try:
        name = generator_of(words.arguments[0])
    except BrainzooError:
        return []  # said by the command itself, after what is wrong with the words
    config = installed(ctx).get("generator", name).config
    training = [item.name for item in options_of(config) if not item.sampling]
    return config_options(config, f"Generator {name}", leave_out=training)


@click.command(cls=DynamicCommand, more=more_options, names=("generator",))
@click.argument("checkpoint", metavar="NAME|CHECKPOINT|RUN")
@click.option(
    "-n", "n", type=click.IntRange(min=1), metavar="N", default=64, help="Images. [default: 64]"
)
@seed_option
@click.option(
    "--condition",
    "conditions",
    multiple=True,
    metavar="NAME=VALUE",
    help="What the images shall be, e.g. class=old; repeatable. [default: as in training]",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="N",
    default=64,
    help="Images made at once; changes no image. [default: 64]",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="The new folder. [default: samples-001, ...]"
)
@common_options
@click.pass_context
def sample(
    ctx: click.Context,
    /,
    checkpoint: str,
    n: int,
    seed: int,
    conditions: tuple[str, ...],
    batch_size: int,
    out: Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Make images with a trained generator, as a new folder of images.

    A NAME is one of brainzoo list, or NAME@1.0.0, or hf:OWNER/REPOSITORY@COMMIT; its checkpoint is
    fetched if it is not here yet. Some generators have options of their own that act when images
    are drawn; see brainzoo sample NAME --help.

    \b
    brainzoo sample NAME -n 100
    brainzoo sample runs/dcgan-ixi-001 -n 100 --seed 1 --condition class=old --out old
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo import pipeline

    out = out or free_folder("samples")
    expect_folder_place(out)
    condition = {name: _value(text) for name, text in pairs(conditions, "--condition").items()}
    images = pipeline.sample(
        checkpoint,
        out,
        n,
        seed=seed,
        condition=condition or None,
        batch_size=batch_size,
        sampling=given_options(ctx),
    )
    if as_json:
        console.result_json({"folder": str(out), "images": len(images), "info": images.info})
        return
    console.result(str(out))


def _value(text: str) -> Value:
    try:
        return float(text)
    except ValueError:
        return text
