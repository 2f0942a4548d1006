"""``brainzoo pull`` and ``verify``: checkpoints that move."""

from __future__ import annotations

import click

from brainzoo.cli.params import command_options, licence_option, token_option
from brainzoo.common import console
from brainzoo.common.errors import IntegrityError


@click.command()
@click.argument("address", metavar="NAME[@VERSION]|hf:OWNER/REPO@COMMIT|GENERATOR:FOLDER")
@token_option
@click.option("--offline", is_flag=True, default=None, help="Use no network.")
@licence_option
@command_options()
def pull(address: str, token: str | None, offline: bool | None, accept_licence: bool) -> None:
    """Fetch a checkpoint, verified: size and SHA-256 of every file. Prints its folder.

    What is here already is not fetched again; after a stop the same command fetches the files that
    are missing. HF_ENDPOINT names a mirror.

    \b
    brainzoo pull pggan-ixi-64
    brainzoo pull hf:owner/repo@0123456789abcdef0123456789abcdef01234567
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.common.files import sha256
    from brainzoo.zoo.pull import pull as fetch

    folder = fetch(address, offline=offline, token=token, accept_licence=accept_licence)
    weights = sha256(folder / "model.safetensors")
    console.answer({"folder": str(folder), "weights_sha256": weights}, str(folder))


@click.command()
@click.argument("checkpoint", metavar="NAME|CHECKPOINT|RUN")
@command_options()
def verify(checkpoint: str) -> None:
    """Check the weights of a checkpoint and sample its stored seed.

    A NAME is one of brainzoo list, or NAME@1.0.0, or hf:OWNER/REPOSITORY@COMMIT; its checkpoint is
    fetched if it is not here yet. Other hardware sums in another order, so samples may differ by
    two of 255 grey levels.
    """
    from brainzoo import checkpoint as checkpoints
    from brainzoo.zoo.loading import find_checkpoint

    found = checkpoints.verify(find_checkpoint(checkpoint))
    levels = round(found.largest_difference * 255)
    if not found.passed:
        raise IntegrityError(
            f"{checkpoint} makes other samples than when it was written: they differ by up to "
            f"{levels} of 255 grey levels; expected at most {round(found.tolerance * 255)}.",
            "Do not use it; fetch it again.",
        )
    same = "to the bit" if found.exact else f"to {levels} of 255 grey levels"
    console.answer(
        {"exact": found.exact, "largest_difference": found.largest_difference},
        f"verified: the samples are those of the checkpoint's maker, {same}.",
    )
