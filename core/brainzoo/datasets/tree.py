"""Finds files below a folder, in a stable order and without being led astray."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from brainzoo.common.errors import DataError, NotFoundError, OptionError

VOLUMES = (".nii.gz", ".nii", ".mgz", ".mgh")
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")

POINTER = 400  # bytes of the largest file that may stand for another


def existing_root(root: Path | None, dataset: str) -> Path:
    """Return the root folder of a dataset's options, or say why there is none."""
    if root is None:
        raise OptionError(f"dataset {dataset!r} needs a folder.", "Give it with --data.root.")
    root = root.expanduser()
    if not root.exists():
        raise NotFoundError(f"there is no folder {root}.", "Check --data.root.")
    if not root.is_dir():
        raise DataError(f"{root} is a file; expected a folder.", "Check --data.root.")
    return root


def files_below(
    root: Path, *, follow_links: bool = False, within: Path | None = None
) -> tuple[list[Path], list[Path], int]:
    """List the regular files below a folder, sorted by path.

    Hidden files and folders, ``._`` companions and ``__MACOSX`` are left out. A link to a file
    is taken if it stays ``within`` the root (as in git-annex); others only with ``follow_links``.
    Returns the files; volumes and pictures whose content is not here (links to nowhere, and what
    git-annex and git-lfs put in the place of a file); and how many links were left out.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be listed: {error.strerror}.") from error

    files: list[Path] = []
    gone: list[Path] = []
    left_out = 0
    inside = (within or root).resolve()
    visited: set[str] = set()  # links may lead in circles
    for folder, folders, names in os.walk(root, onerror=refuse, followlinks=follow_links):
        real = os.path.realpath(folder)
        folders[:] = [] if real in visited else sorted(n for n in folders if not _ignored(n))
        if real in visited:
            continue
        visited.add(real)
        if not follow_links:
            left_out += sum((Path(folder) / name).is_symlink() for name in folders)
        for path in (Path(folder) / name for name in names if not _ignored(name)):
            here = _is_here(path)
            if here is False and path.name.lower().endswith((*VOLUMES, *PICTURES)):
                gone.append(path)
            if not here:
                continue
            leaves = path.is_symlink() and not path.resolve().is_relative_to(inside)
            if leaves and not follow_links:
                left_out += 1
            else:
                files.append(path)
    return sorted(files), sorted(gone), left_out


def stem(path: Path) -> str:
    """Return the file name without its ending; ``.nii.gz`` is one ending."""
    name = path.name
    for ending in (*VOLUMES, *PICTURES):
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return path.stem


def _ignored(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _is_here(path: Path) -> bool | None:
    """Return whether a file's content is here; ``None`` for pipes and devices.

    Where it was not fetched, git-annex leaves a link to nowhere, or a line of text as git-lfs does.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return None
        short = 0 < status.st_size < POINTER
        return not (
            short and re.match(rb"/annex/objects/|version https://git-lfs", path.read_bytes())
        )
    except OSError:
        return False if path.is_symlink() else None
