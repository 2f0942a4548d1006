"""Writing files so that they are complete or absent, and errors of the disk as one clear line."""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from brainzoo.common.console import size_text
from brainzoo.common.errors import (
    AuthorisationError,
    BrainzooError,
    DataError,
    DiskError,
    ExistsError,
)

OTHER = "Choose another with --out, or remove it."
SYNCED_AT_ONCE = 16  # files: a disk writes many in little more time than one


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's errors while writing ``path`` into brainzoo's."""
    try:
        yield
    except BrainzooError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskError(
                f"the disk is full: {path} could not be written.",
                "Free some space, then run the same command again; what was complete is kept.",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise AuthorisationError(
                f"no permission to write {path}.", "Choose another folder with --out."
            ) from error
        if error.errno in (errno.EROFS, errno.ENAMETOOLONG):
            shown = f"…{str(path)[-60:]}"
            raise DiskError(f"{shown} cannot be written: {error.strerror}.", OTHER) from error
        if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
            file = _file_among(path)
            raise _file_error(file) if file else exists_error(path) from error
        raise


def expect_folder_place(path: Path) -> None:
    """Refuse a place where no folder can be made, before the work whose result it is to hold."""
    with disk_errors(path):
        file = _file_among(path)
        if file is not None:
            raise _file_error(file)


def expect_space(folder: Path, needed: float, what: str, hint: str = "") -> None:
    """Refuse to begin what will not fit, with a DiskError: bytes on the disk of ``folder``."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskError(
            f"{what} needs {size_text(needed)} of free space, found {size_text(free)} at {folder}.",
            hint or "Free some space, or set BRAINZOO_HOME to a folder on a larger disk.",
        )


def _file_among(path: Path) -> Path | None:
    """Return the path, or the part above it, that is not a folder."""
    return next((at for at in (path, *path.parents) if at.exists() and not at.is_dir()), None)


def _file_error(file: Path) -> ExistsError:
    return ExistsError(f"{file} is a file; expected a folder.", OTHER)


def write_bytes(path: Path, content: bytes, *, synced: bool = True) -> None:
    """Write a file atomically: a reader sees the old content or the new, never a part.

    ``synced`` waits until it is on the disk; not needed in a folder that is synced as a whole.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            with temporary.open("wb") as file:
                file.write(content)
                if synced:
                    file.flush()
                    os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, content: str) -> None:
    """Write a text file (UTF-8) atomically."""
    write_bytes(path, content.encode())


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path`` when the block ends without an error.

    A ``path`` that is there is an ExistsError; of a full disk nothing is left.
    """
    with disk_errors(path):
        if path.exists():
            raise exists_error(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        temporary.mkdir()
        try:
            yield temporary
            settle(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def settle(temporary: Path, path: Path) -> None:
    """Wait until a folder is on the disk, then give it its name, unless another was faster."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(SYNCED_AT_ONCE) as pool:
        for _ in pool.map(sync, (path for path in temporary.rglob("*") if path.is_file())):
            pass  # an error of any is raised here
    sync(temporary)
    try:
        temporary.rename(path)
    except OSError as error:
        if path.exists() and error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise ExistsError(f"{path} was written by another process meanwhile.") from error
        raise
    sync(path.parent)


def read_json(path: Path, hint: str = "") -> dict[str, Any]:
    """Read a JSON object that people may have edited; empty if the file holds none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError, RecursionError) as error:
        raise DataError(f"{path.name} cannot be read as JSON: {error}.", hint) from error
    return content if isinstance(content, dict) else {}


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's content."""
    return digest(path, "sha256")


def digest(path: Path, name: str) -> str:
    """Return the hexadecimal digest of a file's content; ``name`` may be ``md5``, too."""
    with path.open("rb") as file:
        new = functools.partial(hashlib.new, name, usedforsecurity=False)
        return hashlib.file_digest(file, new).hexdigest()


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def exists_error(path: Path) -> ExistsError:
    """Return the error for an output folder that is there already."""
    hint = f"Go on with: brainzoo run --resume {path}, or choose another folder with --out."
    is_run = (path / "run.yaml").is_file()
    return ExistsError(f"{path} exists already.", hint if is_run else OTHER)
