"""Adds the command ``brainzoo show``."""

from __future__ import annotations

import click

from brainzoo.api import hookimpl
from brainzoo_show.command import show


@hookimpl
def brainzoo_commands(group: click.Group) -> None:
    """Add ``brainzoo show``."""
    group.add_command(show)
