"""The brain masks of a folder: in a folder of their own, or beside the scans by a suffix."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from brainzoo.common.errors import DataError, NotFoundError
from brainzoo.data.subjects import Subject
from brainzoo.datasets.tree import PICTURES, VOLUMES, files_below, stem


class Masks:
    """Finds the brain mask of each scan.

    Args:
        root: Where the scans are.
        where: A folder, from here or below the root, or what the mask's name adds to the scan's.
        files: The files below the root.
    """

    def __init__(self, root: Path, where: str | None, files: list[Path]) -> None:
        self._where = where
        self._folder: Path | None = None
        self._suffix = ""
        self._files: list[Path] = []
        self._by_beginning: dict[str, list[Path]] = {}
        if where is None:
            return
        given = Path(where).expanduser()
        folders = [path for path in (root / given, given) if path.is_dir()]
        if folders:
            self._folder = folders[0]
            self._files = [
                path
                for path in files_below(folders[0])[0]
                if path.name.lower().endswith((*VOLUMES, *PICTURES))
            ]
        elif where[:1] in "-_." and "/" not in where:
            self._suffix = where
            self._files = [path for path in files if stem(path).endswith(where)]
        else:
            raise NotFoundError(
                f"there is no folder of masks {given}, below {root} or here.",
                "Check --data.masks; a suffix begins with '_' or '-'.",
            )
        for path in self._files:
            for beginning in _beginnings(stem(path)):
                self._by_beginning.setdefault(beginning, []).append(path)

    def owns(self, path: Path) -> bool:
        """Whether a file is one of the masks, and so no scan."""
        if self._folder is not None:
            return path.resolve().is_relative_to(self._folder.resolve())
        return bool(self._suffix) and stem(path).endswith(self._suffix)

    def of(self, scan: Path, subject: str, *, alone: bool) -> Path | None:
        """Return the mask of a scan, if there is exactly one that its name says is its.

        Args:
            scan: The scan's file.
            subject: Its subject's id.
            alone: Whether it is the subject's only scan; its mask may then be named by subject.
        """
        if self._suffix:
            beside = self._by_beginning.get(stem(scan) + self._suffix, [])
            return next((path for path in beside if path.parent == scan.parent), None)
        fitting = self._by_beginning.get(stem(scan), [])
        exact = [path for path in fitting if stem(path) == stem(scan)]
        if not fitting and alone:
            fitting = self._by_beginning.get(subject, [])
        chosen = exact or fitting
        return chosen[0] if len(chosen) == 1 else None

    def check_found(self, subjects: Iterable[Subject]) -> None:
        """Refuse masks that fit no scan at all."""
        if self._where is not None and not any(subject.mask for subject in subjects):
            raise DataError(
                f"masks {self._where!r}: none of the {len(self._files)} masks there fits a scan.",
                "A mask is named like its scan, or like its subject.",
            )


def _beginnings(name: str) -> list[str]:
    """Return a name and what it begins with up to any separator: a-b_c, a-b, a."""
    return [name, *(name[: match.start()] for match in re.finditer(r"[-_. ]", name))]
