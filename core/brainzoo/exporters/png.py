"""Exports images as PNG pictures: one per image, at its own size, and a grid to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from brainzoo.data.images import Images
from brainzoo.data.pictures import flat, grid, png_bytes, tile
from brainzoo.data.pixels import from_floats
from brainzoo.data.subjects import Value
from brainzoo.data.tables import write_rows
from brainzoo.exporters.describe import (
    FileExporter,
    describe,
    public_rows,
    safe_name,
    write_json,
)
from brainzoo.exporters.plugin import PngConfig


class Png(FileExporter):
    """The exporter ``png``: ``images/IMAGE_ID.png``, with ``grid.png`` and ``about.json``.

    The pictures carry no metadata; what they are stands in ``about.json``, and what is known
    of each (age, sex, class) in ``images/metadata.csv``, as Hugging Face's ``imagefolder`` reads
    it. [0, 1] becomes black to white; a 3-D image shows its central axial, coronal and sagittal
    planes. Label maps of slices lie in ``labels/``: their values, not pictures to look at.
    """

    config: PngConfig
    format = "PNG"

    def export_table(self, rows: Iterable[Mapping[str, Value]], folder: Path) -> list[Path]:
        """Write ``images/metadata.csv``."""
        known = list(rows)
        files = [(self._place(row) / f"{safe_name(row.get('image_id'))}.png") for row in known]
        table = [
            {"file_name": file.as_posix(), **row}
            for file, row in zip(files, public_rows(known), strict=True)
        ]
        path = folder / "images" / "metadata.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            write_rows(file, list(dict.fromkeys(name for row in table for name in row)), table)
        return [path]

    def write_about(self, images: Images, folder: Path) -> list[Path]:
        """Write what is about all images: a description, and a grid of the first ones."""
        files = [write_json(folder / "about.json", describe(images))]
        first = images[: self.config.grid_images]
        if len(first):
            files.append(folder / "grid.png")
            files[1].write_bytes(grid(first.floats(), columns=self.config.columns))
        return files

    def write_image(self, images: Images, i: int, folder: Path, name: str) -> list[Path]:
        """Write a picture, and its label map."""
        pictures = {"images": self._picture(images.floats([i])[0])}
        labels = images.labels([i])
        if labels is not None and images.dims == 2:
            pictures["labels"] = Image.fromarray(labels[0])
        files = []
        for kind, picture in pictures.items():
            files.append(folder / kind / self._place(images.table[i]) / f"{name}.png")
            files[-1].parent.mkdir(parents=True, exist_ok=True)
            files[-1].write_bytes(png_bytes(picture))
        return files

    def _place(self, row: Mapping[str, Value]) -> Path:
        if not self.config.by_class:
            return Path()
        return Path(safe_name(row.get("class")) or "no-class")

    def _picture(self, image: NDArray[Any]) -> Image.Image:
        if self.config.bits == "16":
            return Image.fromarray(from_floats(flat(image), "uint16"))
        return tile(image)
