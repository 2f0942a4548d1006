"""Offers the exporter ``report`` and the command ``compare``."""

from __future__ import annotations

import click

from brainzoo.api import Spec, hookimpl
from brainzoo_report.command import compare


@hookimpl
def brainzoo_exporters() -> list[Spec]:
    """Return ``report``."""
    from brainzoo_report.config import ReportConfig

    return [
        Spec(
            name="report",
            target="brainzoo_report.exporter:Report",
            config=ReportConfig,
            summary="one HTML page about a run: images, film, losses, metrics, data",
        )
    ]


@hookimpl
def brainzoo_commands(group: click.Group) -> None:
    """Add ``brainzoo compare``."""
    group.add_command(compare)
