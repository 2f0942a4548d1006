"""Fetches IXI: archives of scans and the table of subjects."""

from __future__ import annotations

from pathlib import Path

from brainzoo.home import home


def ixi_folder() -> Path:
    """Return where downloaded scans of IXI lie, a folder a modality, and the table."""
    return home() / "downloads" / "ixi"


def download_ixi(modality: str, *, mirror: str | None = None) -> None:
    """Fetch."""
