"""Takes files out of a tar archive that nobody vouches for.

Members are walked by hand: only regular files whose base name fits are written, each under that
base name, complete or absent. Links, devices, sparse files and everything else in the archive are
passed over; where a member's path points does not matter.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath

from brainzoo.common import console
from brainzoo.common.console import size_text
from brainzoo.common.errors import IntegrityError
from brainzoo.common.files import disk_errors, expect_space

CHUNK = 1 << 20


def extract(
    archive: Path,
    folder: Path,
    pattern: re.Pattern[str],
    *,
    magic: bytes = b"",
    largest_file: int = 1 << 30,
    quiet: bool = False,
) -> list[Path]:
    """Write the files of an uncompressed tar whose base names fit, and return their paths.

    What an interrupted extraction has completed is kept and not written again. Each file must be
    there once, begin with the bytes ``magic``, and have at most ``largest_file`` bytes; else, and
    where nothing fits, it is an IntegrityError.
    """
    with disk_errors(folder), _tar_errors(archive), tarfile.open(archive, "r:") as tar:
        folder.mkdir(parents=True, exist_ok=True)
        members = _chosen(tar, archive, pattern, largest_file)
        paths = {name: folder / name for name in members}
        missing = [name for name in members if not _complete(paths[name], members[name])]
        total = sum(members[name].size for name in missing)
        expect_space(folder, total, f"unpacking {archive.name}")
        text = f"unpacking {archive.name}"
        with console.progress(text, total, unit="bytes", hidden=quiet) as progress:
            for name in missing:
                _write(tar, members[name], paths[name], magic)
                progress(members[name].size)
    return sorted(paths.values())


def _chosen(
    tar: tarfile.TarFile, archive: Path, pattern: re.Pattern[str], largest_file: int
) -> dict[str, tarfile.TarInfo]:
    members: dict[str, tarfile.TarInfo] = {}
    for member in tar:
        name = PureWindowsPath(member.name).name  # takes both / and \ as separators
        if not member.isreg() or member.issparse() or not pattern.fullmatch(name):
            continue
        if name in members:
            raise IntegrityError(f"{archive.name} holds {name} twice.")
        if member.size > largest_file:
            raise IntegrityError(
                f"{archive.name}: {name} would have {size_text(member.size)}; expected at most "
                f"{size_text(largest_file)}."
            )
        members[name] = member
    if not members:
        raise IntegrityError(f"{archive.name} holds no file named like {pattern.pattern}.")
    return members


def _complete(path: Path, member: tarfile.TarInfo) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size == member.size


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path, magic: bytes) -> None:
    source = tar.extractfile(member)
    if source is None:
        raise IntegrityError(f"{path.name} cannot be taken out of its archive.")
    temporary = path.with_name(f".{path.name}.part")
    temporary.unlink(missing_ok=True)
    written = 0
    with source, temporary.open("xb") as file:
        while chunk := source.read(CHUNK):
            if not written and not chunk.startswith(magic):
                raise IntegrityError(
                    f"{path.name} begins with {chunk[: len(magic)].hex()} in its archive; "
                    f"expected {magic.hex()}."
                )
            file.write(chunk)
            written += len(chunk)
    if written != member.size or written < len(magic):
        raise IntegrityError(f"{path.name} is cut short in its archive: {written} bytes.")
    temporary.replace(path)


@contextmanager
def _tar_errors(archive: Path) -> Iterator[None]:
    """Turn what tarfile raises for broken archives into one clear error."""
    try:
        yield
    except IntegrityError:
        raise
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        raise IntegrityError(f"{archive.name} is not an intact tar archive: {error}.") from error
