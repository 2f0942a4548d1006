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

ROWS = 128  # of a block: 5 MiB of similarities to 10,000 references


class Neighbours(NamedTuple):
    """What a search, or a block of it, found.

    Attributes:
        by_subject: Highest similarity of each query to any reference image of each subject,
            ``(query, subject)``; -1 where that is the query's own subject.
        nearest: Position of the most similar reference image of each query.
        of_reference: Highest similarity of each reference image to any query.
    """

    by_subject: Array
    nearest: NDArray[np.intp]
    of_reference: Array

    @property
    def similarity(self) -> Array:
        """Similarity of each query to its nearest reference image."""
        best: Array = self.by_subject.max(axis=1)
        return best


class Compared:
    """Queries and references.

    Args:
        arrays: ``even`` and ``odd`` parts ``(row, value)`` of the queries, ``to_even`` and
            ``to_odd`` of the references; ``of_query`` and ``of_reference``, the number of the
            subject of each, -1 where a query may be compared with all. References stand in the
            order of their subjects.
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

    def rows(self, top: int) -> Neighbours:
        """Compare the queries from ``top`` on, as many as make a block, with all references."""
        even, odd, of_query = (
            self._arrays[name][top : top + ROWS] for name in ("even", "odd", "of_query")
        )
        subjects = self._arrays["of_reference"]
        first = np.flatnonzero(np.r_[True, subjects[1:] != subjects[:-1]])
        with threadpool_limits(1):  # any number of processes finds the same, to the bit
            block = odd @ self._arrays["to_odd"].T
            np.abs(block, out=block)
            block += even @ self._arrays["to_even"].T
        np.maximum(block, -1, out=block)
        block[of_query[:, None] == subjects[None]] = -1
        by_subject = np.maximum.reduceat(block, first, axis=1)
        return Neighbours(by_subject, block.argmax(axis=1), block.max(axis=0))


@functools.lru_cache(1)
def _opened(folder: str, names: tuple[str, ...]) -> Compared:
    return Compared({n: np.load(Path(folder) / f"{n}.npy", mmap_mode="r") for n in names})
