"""``brainzoo quiz``: one file a command, imported only when it is used."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "plan": "How many readers and images a study needs.",
    "export": "Make a study of real and created images, unless it would leak.",
    "serve": "Show a study to its readers, and keep their answers.",
    "score": "What readers could tell, from their answers and the key.",
}
"""Each lives in the module of its name."""


class Quiz(click.Group):
    """The group: every ``brainzoo --help`` loads it, so it imports its commands when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"brainzoo_quiz.commands.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help from the table, without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Quiz, short_help="Reader studies: can a radiologist tell real from synthetic?")
def quiz() -> None:
    """Plan and score reader studies: people say of each image whether it is real or created."""
