"""``brainzoo verify``: whether a checkpoint still makes the samples it made when it was written."""

from __future__ import annotations

import click

from brainzoo.cli.params import common_options
from brainzoo.common import console
from brainzoo.common.errors import IntegrityError


@click.command()
@click.argument("checkpoint", metavar="NAME|CHECKPOINT|RUN")
@common_options
def verify(checkpoint: str, as_json: bool, debug: bool) -> None:
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
    if as_json:
        console.result_json({"exact": found.exact, "largest_difference": found.largest_difference})
    else:
        same = "to the bit" if found.exact else f"to {levels} of 255 grey levels"
        console.result(f"verified: the samples are those of the checkpoint's maker, {same}.")
