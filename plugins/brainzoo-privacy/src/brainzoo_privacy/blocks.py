"""Blocks of the search: some queries against all references, by any process.

Other processes read the vectors from files below brainzoo's home, which are there while the search
is; on a cluster, its workers must see them.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from brainzoo.api import home
from brainzoo_privacy.pose import Array

ROWS, COLUMNS = 512, 2048  # of a block of pairs: 4 MiB of similarities


class Block(NamedTuple):
    """What some queries are like.

    Attributes:
        by_subject: Highest similarity of each query to any reference of each subject, -1 where that
            is the query's own, ``(query, subject)``.
        best: Highest similarity of each query.
        nearest: Place of the reference that it is to.
        of_reference: Highest similarity of each reference to any of these queries.
    """

    by_subject: Array
    best: Array
    nearest: NDArray[np.intp]
    of_reference: Array


class Compared:
    """Queries and references.

    Args:
        arrays: ``even`` and ``odd`` parts ``(row, value)`` of the queries, ``to_even`` and
            ``to_odd`` of the references; ``of_query`` and ``of_reference``, the number of the
            subject of each, -1 where a query may be compared with all. References of one subject
            stand together.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays = arrays
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def close(self) -> None:
        """Remove the files, if another process needed them."""
        if self._folder is not None:
            self._folder.cleanup()

    def __reduce__(self) -> tuple[Any, ...]:
        if self._folder is None:
            home().mkdir(parents=True, exist_ok=True)
            self._folder = tempfile.TemporaryDirectory(prefix="search-", dir=home())
            for name, array in self._arrays.items():
                np.save(Path(self._folder.name) / f"{name}.npy", array)
        return _opened, (self._folder.name, tuple(self._arrays))

    def rows(self, top: int) -> Block:
        """Compare the queries from ``top`` on, as many as make a block, with all references."""
        of_reference = self._arrays["of_reference"]
        even, odd, of_query = (
            self._arrays[name][top : top + ROWS] for name in ("even", "odd", "of_query")
        )
        count, references = len(even), len(of_reference)
        by_subject = np.full((count, int(of_reference.max()) + 1), -1, np.float32)
        best = np.full(count, -2, np.float32)
        nearest = np.zeros(count, np.intp)
        best_of_reference = np.full(references, -1, np.float32)
        with threadpool_limits(1):  # any number of processes finds the same, to the bit
            for left in range(0, references, COLUMNS):
                columns = slice(left, left + COLUMNS)
                block = odd @ self._arrays["to_odd"][columns].T
                np.abs(block, out=block)
                block += even @ self._arrays["to_even"][columns].T
                here = of_reference[columns]
                if of_query.max() >= 0:
                    block[of_query[:, None] == here[None]] = -1
                first = np.flatnonzero(np.r_[True, here[1:] != here[:-1]])
                grouped = np.maximum.reduceat(block, first, axis=1)
                by_subject[:, here[first]] = np.maximum(by_subject[:, here[first]], grouped)
                place = block.argmax(axis=1)
                value = block[np.arange(count), place]
                nearest = np.where(value > best, left + place, nearest)
                best = np.maximum(value, best)
                best_of_reference[columns] = block.max(axis=0)
        return Block(by_subject, best, nearest, np.maximum(best_of_reference, -1))


@functools.lru_cache(1)
def _opened(folder: str, names: tuple[str, ...]) -> Compared:
    return Compared({n: np.load(Path(folder) / f"{n}.npy", mmap_mode="r") for n in names})
