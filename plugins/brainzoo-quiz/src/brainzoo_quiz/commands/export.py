"""``brainzoo quiz export``: a study from real and created images, unless it would leak."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo.api import command_options, console
from brainzoo_quiz.config import PRESETS, QuizConfig

PLACE = click.Path(path_type=Path)


@command_options(QuizConfig, "Study", presets=PRESETS, leave_out=["real"])
@click.command()
@click.argument("real", type=PLACE, metavar="REAL|RUN")
@click.argument("synthetic", type=PLACE, required=False, metavar="[SYNTHETIC]")
@click.option("--out", type=PLACE, required=True, help="The new study folder.")
def export(real: Path, synthetic: Path | None, out: Path, config: QuizConfig) -> None:
    """Make a reader study of real and created images; of a RUN, its test split and its samples.

    \b
    brainzoo quiz export runs/pggan-ixi-001 --out study
    brainzoo quiz export PREPARED SAMPLES --checkpoint CHECKPOINT --out study

    The study is refused if anything but the anatomy could tell readers what is created.
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo_quiz.audit.pixels import audit_lines
    from brainzoo_quiz.exporter import export_study
    from brainzoo_quiz.study.sources import find

    found = export_study(*find(real, synthetic, config.checkpoint), out, config)
    console.answer(
        found,
        *audit_lines(found["audit"]),
        "",
        *(f"note: {note}" for note in found["notes"]),
        f"\n{found['test']} cases and {found['practice']} to practise, for {found['readers']} "
        f"readers; commitment {found['commitment']}",
        found["folder"],
    )
