"""Finds files below a folder, in a stable order and without being led astray."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from brainzoo.common.errors import DataError, NotFoundError, OptionError

VOLUMES = (".nii.gz", ".nii", ".mgz", ".mgh")
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")


def existing_root(root: Path | None, dataset: str) -> Path:
    """Return the root folder of a dataset's options.

    Raises:
        OptionError: None was given.
        NotFoundError: It is not there.
        DataError: It is a file.
    """
    if root is None:
        raise OptionError(f"dataset {dataset!r} needs a folder.", "Give it with --data.root.")
    root = root.expanduser()
    if not root.exists():
        raise NotFoundError(f"there is no folder {root}.", "Check --data.root.")
    if not root.is_dir():
        raise DataError(f"{root} is a file; expected a folder.", "Check --data.root.")
    return root


def files_below(
    root: Path,
    *,
    follow_links: bool = False,
    within: Path | None = None,
    gone: list[Path] | None = None,
) -> tuple[list[Path], int]:
    """List the regular files below a folder, sorted by path.

    Hidden files and folders, ``._`` companions and ``__MACOSX`` are left out. A link to a file
    is taken if it stays within the root (as in git-annex); other links only if asked for.

    Args:
        root: An existing folder.
        follow_links: Also take links that lead outside the root, and links to folders.
        within: Links may lead to anywhere below this folder; below the root by default.
        gone: Filled with volumes and pictures whose content is not here: links to nowhere, and
            what git-annex and git-lfs put in the place of a file.

    Returns:
        The files, and how many links were left out.

    Raises:
        DataError: A folder cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be listed: {error.strerror}.") from error

    files: list[Path] = []
    left_out = 0
    inside = (within or root).resolve()
    visited: set[str] = set()  # links may lead in circles
    for folder, folders, names in os.walk(root, onerror=refuse, followlinks=follow_links):
        real = os.path.realpath(folder)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not _ignored(name))
        if not follow_links:
            left_out += sum((Path(folder) / name).is_symlink() for name in folders)
        for name in sorted(names):
            path = Path(folder) / name
            if _ignored(name):
                continue
            size = _size(path)
            if size is None or (0 < size < POINTER and _is_pointer(path)):
                if gone is not None and name.lower().endswith((*VOLUMES, *PICTURES)):
                    gone.append(path)
                continue
            if size < 0:  # a pipe or a device
                continue
            leaves = path.is_symlink() and not path.resolve().is_relative_to(inside)
            if leaves and not follow_links:
                left_out += 1
            else:
                files.append(path)
    return sorted(files), left_out


def stem(path: Path) -> str:
    """Return the file name without its ending; ``.nii.gz`` is one ending."""
    name = path.name
    for ending in (*VOLUMES, *PICTURES):
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return path.stem


def _ignored(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


POINTER = 400
"""Bytes of the largest file that may stand for another."""


def _size(path: Path) -> int | None:
    """Return a file's size; -1 if it is not a regular file, ``None`` if its content is not here."""
    try:
        status = path.stat()
    except OSError:  # a link to nowhere, for example content that git-annex has not fetched
        return None if path.is_symlink() else -1
    return status.st_size if stat.S_ISREG(status.st_mode) else -1


def _is_pointer(path: Path) -> bool:
    """Return whether git-annex or git-lfs has put a line of text in the place of a file."""
    try:
        return bool(re.match(rb"/annex/objects/|version https://git-lfs", path.read_bytes()))
    except OSError:
        return False
