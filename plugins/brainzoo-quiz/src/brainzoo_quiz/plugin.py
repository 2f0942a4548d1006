"""Adds the commands ``brainzoo quiz``."""

from __future__ import annotations

import click

from brainzoo import hookimpl
from brainzoo_quiz.commands import quiz


@hookimpl
def brainzoo_commands(group: click.Group) -> None:
    """Add ``brainzoo quiz``."""
    group.add_command(quiz)
