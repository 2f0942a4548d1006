"""Where drawn images go, each batch to its own place in the array files of a folder.

Processes write at once without knowing of each other. What a batch wrote is recorded by hash, so
that whoever resumes can see whether it is still there.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import DataError
from brainzoo.common.files import expect_space
from brainzoo.data.packing import label_values, unpacked
from brainzoo.data.pixels import content_of, from_floats, header, write_info
from brainzoo.data.tables import Row, write_rows

DTYPE = np.dtype("<u2")
BLOCK = 1 << 20

Rows = Callable[[], Iterator[Row]]
"""Begins anew at each call, so that nobody has to hold a table of millions of rows."""


@dataclasses.dataclass(frozen=True)
class Written:
    """What one batch wrote; ``sha256`` is of the bytes."""

    start: int
    count: int
    sha256: str
    rows: Sequence[Row]


class Sink:
    """A folder of images where every image has its place, in the end with table and description."""

    def __init__(self, folder: Path, info: Mapping[str, Any], shape: tuple[int, ...], n: int):
        self._folder, self._info, self._shape = folder, info, shape
        self._arrays = [_ArrayFile(folder / "pixels.npy", n, shape)]
        if label_values(info):
            self._arrays.append(_ArrayFile(folder / "labels.npy", n, shape[1:]))

    def begin(self) -> None:
        """Make files of the final size; refuse at once what the disk cannot hold."""
        self._folder.mkdir(exist_ok=True)
        needed = sum(array.missing() for array in self._arrays)
        hint = "Free some space, ask for fewer with -n, or choose another disk with --out."
        expect_space(self._folder, needed, "sampling", hint)
        for array in self._arrays:
            array.begin()

    def write(self, start: int, pixels: NDArray[np.float32], rows: Sequence[Row]) -> Written:
        """Write a batch to its place."""
        pixels, labels = unpacked(pixels, self._info)
        if pixels.shape[1:] != self._shape:
            found = pixels.shape[1:]
            raise DataError(f"the generator drew images of {found}; expected {self._shape}.")
        contents = [from_floats(pixels, DTYPE).astype(DTYPE, order="C").tobytes()]
        if labels is not None:
            contents.append(labels.astype(DTYPE).tobytes())
        for array, content in zip(self._arrays, contents, strict=True):
            array.write(start, content)
        digest = hashlib.sha256(b"".join(contents)).hexdigest()
        return Written(start, len(pixels), digest, rows)

    def holds(self, written: Written) -> bool:
        """Read the place of a batch and compare."""
        digest = hashlib.sha256()
        for array in self._arrays:
            array.hash(digest, written.start, written.start + written.count)
        return digest.hexdigest() == written.sha256

    def finish(self, rows: Rows) -> None:
        """Write ``table.csv`` and ``images.json``."""
        names = dict.fromkeys(name for row in rows() for name in row)
        with (self._folder / "table.csv").open("w", encoding="utf-8", newline="") as file:
            write_rows(file, list(names), rows())
        digests = [array.sha256() for array in self._arrays]
        digest = digests[0] if len(digests) == 1 else content_of(*digests)
        write_info(self._folder, self._info, digest)


class _ArrayFile:
    """A ``.npy`` file of a final size that is filled in any order."""

    def __init__(self, path: Path, n: int, shape: tuple[int, ...]) -> None:
        self._path, self._n = path, n
        self._header = header(n, shape, DTYPE)
        self._size = DTYPE.itemsize * int(np.prod(shape))
        self._total = len(self._header) + n * self._size

    def missing(self) -> int:
        """Return how many bytes of the disk it still needs."""
        self._path.touch()
        return self._total - 512 * self._path.stat().st_blocks

    def begin(self) -> None:
        with self._path.open("r+b") as file:
            file.write(self._header)
            file.truncate(self._total)

    def write(self, start: int, content: bytes) -> None:
        with self._path.open("r+b") as file:
            file.seek(len(self._header) + start * self._size)
            file.write(content)

    def hash(self, digest: Any, start: int, stop: int) -> None:
        """Add what is in the places from ``start`` to ``stop`` to a digest."""
        at, end = (len(self._header) + i * self._size for i in (start, stop))
        with self._path.open("rb") as file:
            file.seek(at)
            while at < end and (block := file.read(min(BLOCK, end - at))):
                digest.update(block)
                at += len(block)

    def sha256(self) -> str:
        digest = hashlib.sha256()
        self.hash(digest, 0, self._n)
        return digest.hexdigest()
