"""Finds the DICOM files below a folder, and reads their headers."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from brainzoo.api import DataError, NotFoundError, OptionError, console
from brainzoo_dicom.headers import Slice, read_slices
from brainzoo_dicom.series import Stack, stacks_of


@dataclasses.dataclass(frozen=True, repr=False)
class Found:
    """What was found below the root."""

    stacks: tuple[Stack, ...]
    files: int
    damaged: tuple[Path, ...]
    links: int
    no_images: int


def folder_of(root: Path | None) -> Path:
    """Return the folder of the options.

    Raises:
        OptionError: None was given.
        NotFoundError: It is not there.
        DataError: It is a file.
    """
    if root is None:
        raise OptionError("dataset 'dicom' needs a folder.", "Give it with --data.root.")
    root = root.expanduser()
    if not root.exists():
        raise NotFoundError(f"there is no folder {root}.", "Check --data.root.")
    if not root.is_dir():
        raise DataError(f"{root} is a file; expected a folder.", "Check --data.root.")
    return root


def read_below(root: Path) -> Found:
    """Read the headers of all files below a folder."""
    files, links = _files_below(root)
    slices: list[Slice] = []
    damaged: list[Path] = []
    no_images = 0
    with console.progress("reading headers", len(files)) as advance:
        for path in files:
            try:
                images = read_slices(path)
            except ValueError:
                damaged.append(path)
            else:
                slices += images or []
                no_images += images == []
            advance(1)
    mri = [one for one in slices if one.header.modality in ("MR", "")]
    no_images += len(slices) - len(mri)
    return Found(tuple(stacks_of(mri)), len(files), tuple(damaged), links, no_images)


def _files_below(root: Path) -> tuple[list[Path], int]:
    """Return the files below a folder in a stable order, and how many links lead out of it.

    Raises:
        DataError: A folder cannot be listed; which is not said: it may name a person.
    """

    def refuse(error: OSError) -> None:
        raise DataError(
            f"a folder below {root} cannot be listed: {error.strerror}.", "Check its permissions."
        ) from None

    files, links = [], 0
    inside = root.resolve()
    for folder, folders, names in os.walk(root, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links += sum((Path(folder) / name).is_symlink() for name in folders)
        for name in sorted(names):
            path = Path(folder) / name
            if name.startswith(".") or not path.is_file():
                continue
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                links += 1
            else:
                files.append(path)
    return files, links


def no_series(root: Path, found: Found) -> DataError:
    """Say what a folder holds instead of series."""
    if found.damaged or found.no_images:
        return DataError(
            f"no MR images below {root}: {found.files} files, of which {len(found.damaged)} are "
            f"damaged DICOM and {found.no_images} DICOM of another kind.",
            "Copy them from the archive again, or check --data.root.",
        )
    more = f"; {found.links} links that lead outside it were left out" if found.links else ""
    return DataError(
        f"no DICOM files below {root}: looked at {found.files} files{more}.",
        "Check --data.root. NIfTI is read by --data folder.",
    )
