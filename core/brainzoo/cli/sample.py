"""``brainzoo sample``: images of a trained generator."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from brainzoo.cli import installed
from brainzoo.cli.dynamic import DynamicCommand, Words, given_options
from brainzoo.cli.params import (
    Whole,
    cluster_option,
    command_options,
    config_options,
    licence_option,
    out_option,
    pairs,
    seed_option,
)
from brainzoo.common import console
from brainzoo.common.errors import BrainzooError, StoppedError
from brainzoo.common.files import expect_folder_place
from brainzoo.common.hardware import peak_memory
from brainzoo.data.subjects import Value
from brainzoo.plugin.options import options_of


def more_options(ctx: click.Context, words: Words) -> list[click.Parameter]:
    """Return the named generator's options that act when images are drawn."""
    if not words.arguments:
        return []
    from brainzoo.zoo.loading import generator_of

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
    "-n", "n", type=Whole(1), metavar="N", default=64, help="Number of images. [default: 64]"
)
@seed_option
@click.option(
    "--condition",
    "conditions",
    multiple=True,
    metavar="NAME=VALUE",
    help="Which images to draw, e.g. class=old or age=75; repeatable. [default: as in training]",
)
@click.option(
    "--batch-size",
    type=Whole(1),
    metavar="N",
    help="Images drawn and written at once; they stay the same. [default: 64; 8 volumes]",
)
@click.option(
    "--workers",
    type=Whole(1),
    metavar="N",
    help="Processes of one thread each; the images stay the same. [default: one per GPU; on CPUs "
    "one, and one per core where that would take over 8 s]",
)
@cluster_option
@click.option(
    "--stream",
    is_flag=True,
    help="Let workers send images here instead of writing them into the folder, which they then "
    "need not see.",
)
@click.option(
    "--device", metavar="DEVICE", default="auto", help="cpu, cuda, cuda:1, mps. [default: auto]"
)
@out_option("The new folder. [default: samples-001, ...]")
@licence_option
@command_options()
@click.pass_context
def sample(
    ctx: click.Context,
    /,
    checkpoint: str,
    n: int,
    seed: int,
    conditions: tuple[str, ...],
    batch_size: int | None,
    workers: int | None,
    stream: bool,
    device: str,
    out: Path | None,
    accept_licence: bool,
) -> None:
    """Make images with a trained generator, as a new folder of images.

    brainzoo export turns that folder into files of other programs.

    A NAME is one of brainzoo list, or NAME@1.0.0, or hf:OWNER/REPOSITORY@COMMIT; its checkpoint is
    fetched if it is not here yet. GENERATOR:FOLDER is a model by others in a folder. Some
    generators have options of their own that act when images are drawn; see brainzoo sample NAME
    --help.

    An image depends on the seed and its index only. Images go to the disk as they are drawn, so any
    number fits into memory; after a stop of any kind the same command goes on.

    \b
    brainzoo sample NAME -n 100
    brainzoo sample NAME -n 10000 --workers 4 --out made
    brainzoo export made --to nifti --out volumes
    brainzoo sample runs/dcgan-ixi-001 -n 100 --seed 1 --condition class=old --out old
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.sampling import Request, draw
    from brainzoo.zoo.loading import find_checkpoint

    if out is not None:
        expect_folder_place(out)
    request = Request(
        find_checkpoint(checkpoint, accept_licence=accept_licence),
        n,
        seed=seed,
        condition={name: _value(text) for name, text in pairs(conditions, "--condition").items()},
        sampling=given_options(ctx),
        batch_size=batch_size,
        device=device,
    )
    try:
        drawn = draw(request, out, workers=workers, stream=stream)
    except KeyboardInterrupt:
        raise StoppedError("stopped; what was drawn is kept.", "Run it again to go on.") from None
    memory, rate = peak_memory(), drawn.images_per_second
    console.note(
        f"{drawn.images - drawn.resumed:,} images in {drawn.seconds:.1f} s: "
        f"{console.number(rate)} images/s with {drawn.workers} "
        f"worker{'s' if drawn.workers > 1 else ''}, peak memory {console.size_text(memory)}"
    )
    found = {**dataclasses.asdict(drawn), "folder": str(drawn.folder)}
    found |= {"images_per_second": round(rate, 3), "peak_memory_bytes": memory}
    console.answer(found, str(drawn.folder))


def _value(text: str) -> Value:
    try:
        return float(text)
    except ValueError:
        return text
