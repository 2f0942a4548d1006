"""Where checkpoints are on this machine: in an installed package, or in the cache.

The cache is ``$BRAINZOO_HOME/checkpoints``: a folder ``<name>-<version>-<first 12 digits of the
weights' SHA-256>`` a checkpoint, complete or absent.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

from brainzoo.common.errors import BrainzooError, IntegrityError, UnknownPluginError
from brainzoo.common.files import sha256
from brainzoo.common.home import home
from brainzoo.zoo.entry import Entry, FileRecord, PackageSource


def root() -> Path:
    """Return the folder of all pulled checkpoints."""
    return home() / "checkpoints"


def place(name: str, version: str, weights_sha256: str) -> Path:
    """Return where a checkpoint is kept."""
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", f"{name}-{version}-{weights_sha256[:12]}")
    return root() / stem.lstrip(".")


def place_of(entry: Entry) -> Path:
    """Return where the files of an entry are, or will be once they are pulled."""
    if isinstance(entry.source, PackageSource):
        return package_folder(entry.source)
    return place(entry.name, entry.version, entry.weights_sha256)


def local(entry: Entry) -> Path | None:
    """Return where the files of an entry are on this machine, unread; ``None`` if elsewhere."""
    with contextlib.suppress(BrainzooError):
        folder = place_of(entry)
        return folder if folder.is_dir() else None
    return None


def damage(folder: Path, files: Mapping[str, FileRecord]) -> str:
    """Return what is wrong with the files of a folder, or nothing; reads all of them."""
    for name, record in files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            return f"it lacks {name}"
        if (size := path.stat().st_size) != record.size:
            return f"{name} has {size} bytes; expected {record.size}"
        if sha256(path) != record.sha256:
            return f"{name} has a SHA-256 other than the expected {record.sha256[:12]}…"
    return ""


def package_folder(source: PackageSource) -> Path:
    """Return the folder inside an installed distribution; nothing of it is imported."""
    module, _, rest = source.path.partition("/")
    try:
        importlib.metadata.distribution(source.package)
        found = importlib.util.find_spec(module)  # of a top-level name: runs none of its code
    except (importlib.metadata.PackageNotFoundError, ImportError, ValueError):
        found = None
    if found is None or not found.submodule_search_locations:
        raise UnknownPluginError(
            f"the checkpoint is part of {source.package}, which is not installed.",
            f"Install it with: pip install {source.package}",
        )
    for place in found.submodule_search_locations:
        folder = Path(place) / rest
        if folder.is_dir():
            return folder
    raise IntegrityError(
        f"{source.package} is installed, but holds no {source.path}.",
        f"Try: pip install --force-reinstall {source.package}",
    )
