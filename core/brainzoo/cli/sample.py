"""``brainzoo sample``: images of a trained generator."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo import console
from brainzoo.cli.params import common_options, pairs, seed_option
from brainzoo.files import expect_folder_place
from brainzoo.interfaces import Value


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path), metavar="CHECKPOINT|RUN")
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
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The new folder.")
@common_options
def sample(
    checkpoint: Path,
    n: int,
    seed: int,
    conditions: tuple[str, ...],
    batch_size: int,
    out: Path,
    as_json: bool,
    debug: bool,
) -> None:
    """Make images with a trained generator, as a new folder of images.

    \b
    brainzoo sample runs/dcgan-ixi-001 -n 100 --seed 1 --condition class=old --out old
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo import pipeline

    expect_folder_place(out)
    condition = {name: _value(text) for name, text in pairs(conditions, "--condition").items()}
    images = pipeline.sample(
        checkpoint, out, n, seed=seed, condition=condition or None, batch_size=batch_size
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
