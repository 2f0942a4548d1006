"""Offers the exporter ``report``."""

from __future__ import annotations

from brainzoo.api import Spec, hookimpl
from brainzoo_report.config import ReportConfig


@hookimpl
def brainzoo_exporters() -> list[Spec]:
    """Return ``report``."""
    return [
        Spec(
            name="report",
            target="brainzoo_report.exporter:Report",
            config=ReportConfig,
            summary="one HTML page about a run: images, film, losses, metrics, data",
        )
    ]
