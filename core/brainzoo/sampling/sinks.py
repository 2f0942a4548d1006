"""Where drawn images go, each batch to its own place: one array file, or the files of an exporter.

Processes write at once without knowing of each other. What a batch wrote is told by hash, so that
whoever resumes can see whether it is still there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.console import size_text
from brainzoo.common.errors import DataError, DiskError, OptionError
from brainzoo.data.images import Images
from brainzoo.data.images_files import write_info
from brainzoo.data.pixels import from_floats, header
from brainzoo.data.tables import Row, write_rows
from brainzoo.plugin.interfaces import Exporter
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.part import Part

DTYPE = np.dtype("<u2")
BLOCK = 1 << 20

Rows = Callable[[], Iterator[Row]]
"""Begins anew at each call, so that nobody has to hold a table of millions of rows."""


@dataclasses.dataclass(frozen=True)
class Written:
    """What one batch wrote.

    Attributes:
        start: Index of its first image.
        count: How many images.
        sha256: Of the bytes.
        files: Names below the folder; none where all write into one file.
        rows: A table row per image.
    """

    start: int
    count: int
    sha256: str
    files: Sequence[str]
    rows: Sequence[Row]


class Sink(Protocol):
    """A folder that is being filled."""

    def begin(self) -> None:
        """Make the folder, or go on with what is there."""

    def write(self, start: int, pixels: NDArray[np.float32], rows: Sequence[Row]) -> Written:
        """Write a batch to its place; twice is as good as once."""

    def holds(self, written: Written) -> bool:
        """Tell whether what a batch wrote is there, and whole."""

    def finish(self, rows: Rows) -> None:
        """Write what is about all images."""


class ImagesSink:
    """``pixels.npy``, where every image has its place, and in the end table and description."""

    def __init__(self, folder: Path, info: Mapping[str, Any], shape: tuple[int, ...], n: int):
        self._folder, self._info = folder, info
        self._path = folder / "pixels.npy"
        self._shape = shape
        self._header = header(n, shape, DTYPE)
        self._size = DTYPE.itemsize * int(np.prod(shape))
        self._total = len(self._header) + n * self._size

    def begin(self) -> None:
        """Make a file of the final size; refuse at once what the disk cannot hold.

        Raises:
            DiskError: Too little space is free.
        """
        self._folder.mkdir(exist_ok=True)
        self._path.touch()
        needed = self._total - 512 * self._path.stat().st_blocks
        free = shutil.disk_usage(self._folder).free
        if free < needed:
            raise DiskError(
                f"the images need {size_text(needed)} of free space, found "
                f"{size_text(free)} at {self._folder.parent.parent.absolute()}.",
                "Free some space, ask for fewer with -n, or choose another disk with --out.",
            )
        with self._path.open("r+b") as file:
            file.write(self._header)
            file.truncate(self._total)

    def write(self, start: int, pixels: NDArray[np.float32], rows: Sequence[Row]) -> Written:
        """Write a batch to its place."""
        content = _stored(pixels, self._shape).tobytes()
        with self._path.open("r+b") as file:
            file.seek(len(self._header) + start * self._size)
            file.write(content)
        return Written(start, len(pixels), hashlib.sha256(content).hexdigest(), (), rows)

    def holds(self, written: Written) -> bool:
        """Read the place of a batch and compare."""
        start = len(self._header) + written.start * self._size
        return self._sha256(start, start + written.count * self._size) == written.sha256

    def finish(self, rows: Rows) -> None:
        """Write ``table.csv`` and ``images.json``."""
        names = dict.fromkeys(name for row in rows() for name in row)
        with (self._folder / "table.csv").open("w", encoding="utf-8", newline="") as file:
            write_rows(file, list(names), rows())
        write_info(self._folder, self._info, self._sha256(len(self._header), self._total))

    def _sha256(self, start: int, stop: int) -> str:
        digest = hashlib.sha256()
        with self._path.open("rb") as file:
            file.seek(start)
            while start < stop and (block := file.read(min(BLOCK, stop - start))):
                digest.update(block)
                start += len(block)
        return digest.hexdigest()


class FilesSink:
    """The files of an exporter, some for each image."""

    def __init__(self, folder: Path, info: Mapping[str, Any], shape: tuple[int, ...], export: Part):
        self._folder, self._info, self._shape = folder, info, shape
        self._exporter: Exporter = plugins().load("exporter", export.name)(export.config)
        if type(self._exporter).export_part is Exporter.export_part:
            raise OptionError(
                f"the exporter {export.name} needs all images at once.",
                f"Sample without --export, then: brainzoo export FOLDER --to {export.name}",
            )

    def begin(self) -> None:
        """Make the folder."""
        self._folder.mkdir(exist_ok=True)

    def write(self, start: int, pixels: NDArray[np.float32], rows: Sequence[Row]) -> Written:
        """Export a batch, with pixels as a folder of images would hold them."""
        images = Images(_stored(pixels, self._shape), rows, self._info)
        written = self._exporter.export_part(images, self._folder, start=start)
        files = [path.relative_to(self._folder).as_posix() for path in written]
        return Written(start, len(rows), self._sha256(files), files, rows)

    def holds(self, written: Written) -> bool:
        """Read the files of a batch and compare."""
        try:
            return self._sha256(written.files) == written.sha256
        except OSError:
            return False

    def finish(self, rows: Rows) -> None:
        """Nothing is about all images but what came with the first."""

    def _sha256(self, files: Sequence[str]) -> str:
        digest = hashlib.sha256()
        for name in files:
            digest.update((self._folder / name).read_bytes())
        return digest.hexdigest()


def _stored(pixels: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[Any]:
    if pixels.shape[1:] != shape:
        raise DataError(f"the generator drew images of {pixels.shape[1:]}; expected {shape}.")
    return np.ascontiguousarray(from_floats(pixels, DTYPE), DTYPE)
