"""``brainzoo quiz``: one file a command; each imports what it needs when it is used."""

from __future__ import annotations

import click

from brainzoo_quiz.commands.plan import plan
from brainzoo_quiz.commands.score import score


@click.group(short_help="Reader studies: can a radiologist tell real from synthetic?")
def quiz() -> None:
    """Plan and score reader studies: people say of each image whether it is real or created."""


quiz.add_command(plan)
quiz.add_command(score)
