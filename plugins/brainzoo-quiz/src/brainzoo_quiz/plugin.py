"""Adds the commands ``brainzoo quiz`` and the exporter ``quiz``."""

from __future__ import annotations

import click

from brainzoo.api import Spec, hookimpl
from brainzoo_quiz.commands import quiz


@hookimpl
def brainzoo_commands(group: click.Group) -> None:
    """Add ``brainzoo quiz``."""
    group.add_command(quiz)


@hookimpl
def brainzoo_exporters() -> list[Spec]:
    """Return ``quiz``."""
    from brainzoo_quiz.config import QuizConfig

    return [
        Spec(
            name="quiz",
            target="brainzoo_quiz.exporter:Quiz",
            config=QuizConfig,
            summary="a reader study of the samples and real images, unless it would leak",
        )
    ]
