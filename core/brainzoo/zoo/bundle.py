"""A checkpoint as one file for a machine without internet.

A zip file without compression that holds the folder under the name that it has in the cache. Zip's
own checksums show damage; who sent a bundle must be known otherwise.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from pathlib import Path

from brainzoo.checkpoint.names import MAX_BYTES
from brainzoo.checkpoint.reading import folder_of, read_config
from brainzoo.common import console
from brainzoo.common.errors import ExistsError, IntegrityError, NotFoundError
from brainzoo.common.files import disk_errors, settle, sha256, sync
from brainzoo.common.locks import locked
from brainzoo.common.strict import one_line
from brainzoo.zoo.address import REVISION, ByOthers, OnHub, parse
from brainzoo.zoo.cache import place, root
from brainzoo.zoo.pull import expect_checkpoint, pull
from brainzoo.zoo.registry import known

FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")


def bundle(address: str, out: Path, *, token: str | None = None) -> Path:
    """Write a checkpoint as one file.

    Raises:
        ExistsError: There is something at ``out`` already.
        IntegrityError: The checkpoint is damaged.
    """
    if out.exists():
        raise ExistsError(f"{out} exists already.", "Choose another with --out, or remove it.")
    found, version = parse(address), "0.0.0"
    if isinstance(found, ByOthers):
        found = pull(address)
    if isinstance(found, Path):
        checkpoint = folder_of(found)
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", found.resolve().name).strip("-._") or "checkpoint"
    elif isinstance(found, OnHub):
        checkpoint = pull(address, token=token)
        name, version = found.repository.replace("/", "--"), found.revision
    else:
        entry = known().get(found.name, found.version)
        checkpoint, name, version = pull(entry, token=token), entry.name, entry.version
    expect_checkpoint(checkpoint, address)
    stem = place(name, version, read_config(checkpoint)["weights"]["sha256"]).name
    files = {f"{stem}/{n}": checkpoint / n for n in MAX_BYTES if (checkpoint / n).is_file()}
    out.parent.mkdir(parents=True, exist_ok=True)
    with disk_errors(out), tempfile.TemporaryDirectory(dir=out.parent, prefix=".") as here:
        packed = Path(here) / "bundle"
        with zipfile.ZipFile(packed, "w") as archive:
            for name, path in files.items():
                member = zipfile.ZipInfo(name)  # no dates: the same files make the same bytes
                member.external_attr = 0o644 << 16
                with path.open("rb") as source, archive.open(member, "w", force_zip64=True) as to:
                    shutil.copyfileobj(source, to, 1 << 20)
        sync(packed)
        packed.rename(out)
        sync(out.parent)
    return out


def unbundle(path: Path, *, digest: str | None = None) -> Path:
    """Check a bundle, keep its checkpoint where it is found by name, and return the folder.

    ``digest`` is what its maker says its SHA-256 is.

    Raises:
        NotFoundError: No such bundle.
        IntegrityError: It is damaged, is something else, or holds what no bundle holds.
        DiskError: There is too little space.
    """
    if not path.is_file():
        raise NotFoundError(f"there is no bundle {path}.")
    if digest is not None and sha256(path) != digest.strip().lower():
        raise IntegrityError(
            f"the SHA-256 of {path} is not {digest[:64]}: it is another bundle, or was changed on "
            "its way.",
            "Do not use it; ask for it again.",
        )
    root().mkdir(parents=True, exist_ok=True)
    with disk_errors(root()), tempfile.TemporaryDirectory(dir=root(), prefix=".unbundle.") as here:
        checkpoint = Path(here) / "checkpoint"
        checkpoint.mkdir()
        try:
            stem = _unpack(path, checkpoint)
        except (
            zipfile.BadZipFile,
            EOFError,
            ValueError,
            NotImplementedError,
            FileExistsError,
        ) as error:
            said = one_line(error)
            raise IntegrityError(f"{path} is refused: {said}.", "Nothing of it was kept.") from None
        expect_checkpoint(checkpoint, stem)
        if stem.rpartition("-")[2] != read_config(checkpoint)["weights"]["sha256"][:12]:
            raise IntegrityError(f"{path} is refused: {stem} holds other weights than it says.")
        if re.search(rf"-{REVISION}-\w+$", stem) and digest is None:
            said = f"this bundle does not prove that it holds {stem[:-54]} at that commit"
            console.warn(f"{said}: compare --sha256 with what its maker gave you.")
        target = root() / stem
        with locked(target):
            shutil.rmtree(target, ignore_errors=True)
            settle(checkpoint, target)
    return target


def _unpack(path: Path, folder: Path) -> str:
    """Copy the files of a checkpoint, nothing else; return the name under which it is kept."""
    stems: set[str] = set()
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            stem, _, name = member.filename.partition("/")
            stems.add(stem)
            if name not in MAX_BYTES or len(stems) > 1 or not FOLDER.fullmatch(stem):
                raise ValueError(f"{member.filename[:100]!r} is not a file of bundles")
            if member.file_size > MAX_BYTES[name] or member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{name} is too large, or compressed")
            with archive.open(member) as source, (folder / name).open("xb") as target:
                shutil.copyfileobj(source, target, 1 << 20)  # ends with a look at its checksum
    if not stems:
        raise ValueError("it holds no checkpoint")
    return stems.pop()
