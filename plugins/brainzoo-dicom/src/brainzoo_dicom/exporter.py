"""The exporter ``dicom``: a folder an image, in it a folder or a file a channel."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from pydicom import Dataset, dcmwrite

from brainzoo.api import DataError, Exporter, Images, console, new_folder
from brainzoo_dicom import mr
from brainzoo_dicom.config import ExportConfig
from brainzoo_dicom.enhanced import enhanced
from brainzoo_dicom.quiet import quiet
from brainzoo_dicom.segmentation import segmentation


class DicomExporter(Exporter):
    """Writes ``IMAGE_ID/T1w/001.dcm`` and on, or ``IMAGE_ID/T1w.dcm`` with all slices in it.

    Label maps become a DICOM SEG, ``IMAGE_ID/labels.dcm``.
    """

    config: ExportConfig

    def export(self, images: Images, folder: Path, *, run: Path | None = None) -> list[Path]:
        """Write the files of all images into a new folder, and return them sorted.

        Raises:
            ExistsError: The folder is already there.
            DataError: No images, or their ids make no distinct file names.
        """
        if not len(images):
            raise DataError("there are no images to export; expected at least one.")
        images = images[: self.config.limit]
        names = _names(images)
        with (
            new_folder(folder) as temporary,
            console.progress("writing DICOM", len(images)) as advance,
        ):
            for i, name in enumerate(names):
                self._write(images, i, temporary / name)
                advance(1)
        return sorted(path for path in folder.rglob("*") if path.is_file())

    def _write(self, images: Images, i: int, folder: Path) -> None:
        """Write the series of one image."""
        for channel, label in enumerate(images.channel_names):
            place = folder / _safe(label)
            if self.config.enhanced:
                series = [enhanced(images, i, channel)]
                _write(folder / f"{place.name}.dcm", series[0])
            else:
                series = mr.series(images, i, channel)
                digits = len(str(len(series)))
                for number, one in enumerate(series, start=1):
                    _write(place / f"{number:0{digits}d}.dcm", one)
            if channel == 0 and self.config.labels and images.label_names:
                labels = segmentation(images, i, series)
                if labels is not None:
                    _write(folder / "labels.dcm", labels)


def _write(path: Path, content: Dataset) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with quiet():
        dcmwrite(path, content, enforce_file_format=True)


def _names(images: Images) -> list[str]:
    """Return the folder of each image: its ``image_id`` made safe."""
    names = [_safe(str(row.get("image_id") or "")) for row in images.table]
    if not all(names):
        raise DataError(f"image {names.index('') + 1} of {len(names)} has no image_id.")
    twice = next((n for n, count in Counter(map(str.lower, names)).items() if count > 1), None)
    if twice:
        raise DataError(f"two images would be written as {twice!r}; expected different image ids.")
    return names


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:120]
