"""Takes files out of a tar archive, each under its base name, complete or absent."""

from __future__ import annotations

import re
import shutil
import tarfile
from pathlib import Path, PureWindowsPath

from brainzoo.common import console
from brainzoo.common.errors import IntegrityError
from brainzoo.common.files import disk_errors, expect_space


def extract(archive: Path, folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    """Write the regular files of an uncompressed tar whose base names fit; return their paths.

    Where a member's path points does not matter. What an interrupted extraction has completed is
    kept. If it is damaged, or nothing fits, that is an IntegrityError.
    """
    try:
        with disk_errors(folder), tarfile.open(archive, "r:") as tar:
            folder.mkdir(parents=True, exist_ok=True)
            members = {PureWindowsPath(member.name).name: member for member in tar}
            paths = {
                folder / name: member
                for name, member in members.items()
                if pattern.fullmatch(name) and member.isreg() and not member.issparse()
            }
            if not paths:
                raise IntegrityError(f"{archive.name} holds no file named like {pattern.pattern}.")
            missing = {path: member for path, member in paths.items() if not path.is_file()}
            text, total = f"unpacking {archive.name}", sum(m.size for m in missing.values())
            expect_space(folder, total, text)
            with console.progress(text, total, unit="bytes") as progress:
                for path, member in missing.items():
                    _write(tar, member, path)
                    progress(member.size)
        return sorted(paths)
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        if isinstance(error, IntegrityError):
            raise
        raise IntegrityError(f"{archive.name} is not an intact tar archive: {error}.") from error


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.part")
    temporary.unlink(missing_ok=True)
    source = tar.extractfile(member)
    assert source is not None  # of a regular file
    with source, temporary.open("xb") as file:
        shutil.copyfileobj(source, file)
        if file.tell() != member.size:
            raise IntegrityError(f"{path.name} is cut short in its archive.")
    temporary.replace(path)
