"""Exports images as PNG pictures: one per image, at its own size, and a grid to look at."""

from __future__ import annotations

from collections.abc import Mapping
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
    public_row,
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

    def write_about(self, images: Images, folder: Path) -> None:
        """Write a description, a grid of the first images, and a table of all."""
        write_json(folder / "about.json", describe(images))
        first = images[: self.config.grid_images]
        if len(first):
            picture = grid(first.floats(), columns=self.config.columns)
            (folder / "grid.png").write_bytes(picture)
        table = []
        for row in images.table:
            file = self._place(row) / f"{safe_name(row.get('image_id'))}.png"
            table.append({"file_name": file.as_posix(), **public_row(row)})
        with (folder / "images/metadata.csv").open("w", encoding="utf-8", newline="") as to:
            write_rows(to, list(dict.fromkeys(name for row in table for name in row)), table)

    def write_image(self, images: Images, i: int, folder: Path, name: str) -> None:
        """Write a picture, and its label map."""
        pictures = {"images": self._picture(images.floats([i])[0])}
        labels = images.labels([i])
        if labels is not None and images.dims == 2:
            pictures["labels"] = Image.fromarray(labels[0])
        for kind, picture in pictures.items():
            path = folder / kind / self._place(images.table[i]) / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png_bytes(picture))

    def _place(self, row: Mapping[str, Value]) -> Path:
        if not self.config.by_class:
            return Path()
        return Path(safe_name(row.get("class")) or "no-class")

    def _picture(self, image: NDArray[Any]) -> Image.Image:
        if self.config.bits == "16":
            return Image.fromarray(from_floats(flat(image), "uint16"))
        return tile(image)
