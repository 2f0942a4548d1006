"""Registers the dataset ``dicom`` and the exporter ``dicom``."""

from __future__ import annotations

from brainzoo.api import Spec, hookimpl
from brainzoo_dicom.config import DicomConfig, ExportConfig


@hookimpl
def brainzoo_datasets() -> list[Spec]:
    """Return series of scanners."""
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
    return [
        Spec(
            name="dicom",
            target="brainzoo_dicom.exporter:DicomExporter",
            config=ExportConfig,
            summary="DICOM MR series that say they are synthetic",
        )
    ]
