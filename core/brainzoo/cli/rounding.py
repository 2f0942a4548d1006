"""``brainzoo round``: a finished run with weights of half the size."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo.cli.params import common_options
from brainzoo.common import console


@click.command(name="round")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The new run folder. [default: RUN-float16]"
)
@common_options
def rounding(run: Path, out: Path | None, as_json: bool, debug: bool) -> None:
    """Write a finished run anew with its weights rounded to float16: half the size to publish.

    Samples of both are compared. If none changed by more than half a grey level on average, the
    figures and the privacy verdict come along. Else the rounded weights make other images, and all
    is to be measured again: brainzoo run --resume RUN-float16 does.

    \b
    brainzoo round runs/vae-ixi-001
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.runs.rounded import round_run

    made = round_run(run, out)
    mean, most = 255 * made.mean_difference, 255 * made.largest_difference
    if as_json:
        console.result_json(
            {
                "run": str(made.folder),
                "same": made.same,
                "mean_difference": made.mean_difference,
                "largest_difference": made.largest_difference,
            }
        )
        return
    console.note(
        f"the sample that changed most changed by {mean:.3g} of 255 grey levels on average, no "
        f"pixel by more than {most:.3g}"
    )
    if made.same:
        console.note("what was measured before holds.")
    else:
        console.note(
            "these are other images: sample and measure them with "
            f"brainzoo run --resume {made.folder}"
        )
    console.result(str(made.folder))
