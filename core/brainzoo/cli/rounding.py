"""``brainzoo round``: a checkpoint with weights of half the size."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo.cli.params import common_options
from brainzoo.common import console


@click.command(name="round")
@click.argument("checkpoint", type=click.Path(path_type=Path), metavar="CHECKPOINT|RUN")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FOLDER",
    help="The new checkpoint.",
)
@common_options
def rounding(checkpoint: Path, out: Path, as_json: bool, debug: bool) -> None:
    """Write a checkpoint anew with float16 weights: half the size to publish.

    Samples of both are compared. If none changed by more than half a grey level on average, what
    was measured and the privacy verdict come along. Else the rounded weights make other images:
    sample and evaluate them anew.

    \b
    brainzoo round runs/vae-ixi-001 --out vae-float16
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.zoo.loading import find_checkpoint
    from brainzoo.zoo.rounding import SAME, round_weights

    moved = round_weights(find_checkpoint(checkpoint), out)
    if as_json:
        console.result_json({"checkpoint": str(out), "same": moved <= SAME, "moved": moved})
        return
    console.note(
        f"the sample that changed most changed by {255 * moved:.3g} of 255 grey levels on average; "
        + ("what was measured holds." if moved <= SAME else "sample and evaluate it anew.")
    )
    console.result(str(out))
