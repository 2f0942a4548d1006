"""Registers the dataset, the exporter and the command ``dicom``."""

from __future__ import annotations

import click

from brainzoo.api import Spec, hookimpl
from brainzoo_dicom.commands import dicom


@hookimpl
def brainzoo_datasets() -> list[Spec]:
    """Return series of scanners."""
    from brainzoo_dicom.config import DicomConfig

    return [
        Spec(
            name="dicom",
            target="brainzoo_dicom.dataset:Dicom",
            config=DicomConfig,
            summary="DICOM series in any tree of folders; nobody's name is kept",
        )
    ]


@hookimpl
def brainzoo_exporters() -> list[Spec]:
    """Return DICOM files."""
    from brainzoo_dicom.config import ExportConfig

    return [
        Spec(
            name="dicom",
            target="brainzoo_dicom.exporter:DicomExporter",
            config=ExportConfig,
            summary="DICOM MR series that say they are synthetic",
        )
    ]


@hookimpl
def brainzoo_commands(group: click.Group) -> None:
    """Add ``brainzoo dicom``."""
    group.add_command(dicom)
