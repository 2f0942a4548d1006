"""``brainzoo verify``: whether a checkpoint still makes the samples it made when it was written."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo import console
from brainzoo.cli.params import common_options
from brainzoo.errors import IntegrityError


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@common_options
def verify(checkpoint: Path, as_json: bool, debug: bool) -> None:
    """Check the weights of CHECKPOINT (a checkpoint or run folder) and sample its stored seed.

    Other hardware sums in another order, so samples may differ by two of 255 grey levels.
    """
    from brainzoo import checkpoint as checkpoints

    inner = checkpoint / "checkpoint"
    folder = inner if (inner / "config.json").is_file() else checkpoint
    found = checkpoints.verify(folder)
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
