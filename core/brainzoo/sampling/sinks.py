"""Where drawn images go, each batch to its own place in the array files of a folder.

Processes write at once without knowing of each other. What a batch wrote is recorded by hash, so
that whoever resumes can see whether it is still there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import DataError
from brainzoo.common.files import expect_space
from brainzoo.data.packing import label_values, unpacked
from brainzoo.data.pixels import ARRAYS, ArrayFile, from_floats, sha256, write_info
from brainzoo.data.tables import Row, write_rows

Rows = Callable[[], Iterator[Row]]
"""Begins anew at each call, so that nobody has to hold a table of millions of rows."""


@dataclasses.dataclass(frozen=True)
class Written:
    """What one batch wrote: the hash is of what then is in its place of each array."""

    start: int
    count: int
    sha256: str


class Sink:
    """A folder of images where every image has its place, in the end with table and description."""

    def __init__(self, folder: Path, info: Mapping[str, Any], shape: tuple[int, ...], n: int):
        self._folder, self._info, self._shape, self._n = folder, info, shape, n
        shapes = [shape, shape[1:]] if label_values(info) else [shape]
        self._files = {
            name: ArrayFile(folder / name, own, "uint16")
            for name, own in zip(ARRAYS, shapes, strict=False)
        }

    def begin(self) -> None:
        """Make files of the final size; refuse at once what the disk cannot hold."""
        self._folder.mkdir(exist_ok=True)
        needed = sum(file.missing(self._n) for file in self._files.values())
        hint = "Free some space, ask for fewer with -n, or choose another disk with --out."
        expect_space(self._folder, needed, "sampling", hint)
        for file in self._files.values():
            file.resize(self._n)

    def write(self, start: int, pixels: NDArray[np.float32]) -> Written:
        """Write a batch to its place."""
        pixels, labels = unpacked(pixels, self._info)
        if pixels.shape[1:] != self._shape:
            found = pixels.shape[1:]
            raise DataError(f"the generator drew images of {found}; expected {self._shape}.")
        values = [from_floats(pixels, "uint16"), labels]
        for file, own in zip(self._files.values(), values, strict=False):
            assert own is not None
            file.write(start, own)
        return Written(start, len(pixels), self._hash(start, len(pixels)))

    def holds(self, written: Written) -> bool:
        """Read the place of a batch and compare."""
        return self._hash(written.start, written.count) == written.sha256

    def _hash(self, start: int, count: int) -> str:
        return " ".join(sha256(self._folder, name, start, start + count) for name in self._files)

    def finish(self, rows: Rows) -> None:
        """Write ``table.csv`` and ``images.json``."""
        names = dict.fromkeys(name for row in rows() for name in row)
        with (self._folder / "table.csv").open("w", encoding="utf-8", newline="") as file:
            write_rows(file, list(names), rows())
        write_info(self._folder, self._info)
