"""Models that others publish: licence shown, files fetched, converted once into a checkpoint.

The registry says where the files are and whose they are; the generator that knows their format
converts them (:class:`brainzoo.plugin.capabilities.Converts`). What was converted lies among the
pulled checkpoints, and loads as any other.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainzoo.checkpoint.names import CONFIG
from brainzoo.common import console
from brainzoo.common.downloads.download import Remote, download
from brainzoo.common.errors import (
    AuthorisationError,
    IntegrityError,
    NotFoundError,
    OptionError,
)
from brainzoo.common.files import disk_errors, expect_space, settle
from brainzoo.common.locks import locked
from brainzoo.plugin.capabilities import Converts
from brainzoo.plugin.manager import plugins
from brainzoo.zoo.address import ByOthers
from brainzoo.zoo.cache import place
from brainzoo.zoo.entry import Entry, Original, OthersSource
from brainzoo.zoo.hub import Hub, differs

MOST_FILES = 1000
"""A folder with more is not a model."""


def bring(hub: Hub, entry: Entry, source: OthersSource, folder: Path, accepted: bool) -> Path:
    """Return the checkpoint of a model by others, fetched and converted if it is not here yet.

    What arrived stays until it is converted, and the next call goes on from there.
    """
    if (folder / CONFIG).is_file():
        return folder
    licence = f"{source.terms} ({source.licence_url})"
    if not accepted:
        raise AuthorisationError(
            f"{entry.name} is by {source.people}, and its licence must be accepted: {licence}.",
            "Read it; then add --accept-licence, in Python accept_licence=True.",
        )
    console.note(f"{entry.name}, by {source.people}. Licence, accepted: {licence}")
    arrived = folder.with_name(f".{folder.name}.originals")
    with disk_errors(folder), locked(folder):
        if (folder / CONFIG).is_file():
            return folder
        arrived.mkdir(parents=True, exist_ok=True)
        here = sum(path.stat().st_size for path in arrived.rglob("*") if path.is_file())
        expect_space(arrived, max(0, 2 * entry.size - here), f"{entry.name} and its conversion")
        about = {
            "name": entry.name,
            "people": source.people,
            "dataset": {
                "name": source.data,
                "license": source.licence,
                "citation": source.citation,
                "url": source.url,
            },
            "n_subjects": source.subjects,
            "files": [_fetched(hub, original, arrived) for original in source.originals],
        }
        _convert(entry.plugin, arrived, folder, about)
        shutil.rmtree(arrived, ignore_errors=True)
    return folder


def convert_folder(address: ByOthers) -> Path:
    """Return the checkpoint of a folder with a model by others, converted if it is not here yet."""
    source = address.path
    if not source.is_dir():
        raise NotFoundError(f"there is no folder {source}.")
    found = sorted(path for path in source.rglob("*") if path.is_file())
    if len(found) > MOST_FILES:
        raise OptionError(f"{source} holds {len(found):,} files; it is not the folder of a model.")
    stats = [(str(path.relative_to(source)), path.stat()) for path in found]
    key = repr([(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats])
    digest = hashlib.sha256(f"{source.resolve()} {key}".encode()).hexdigest()
    folder = place(address.generator, source.resolve().name, digest)
    with disk_errors(folder), locked(folder):
        if not (folder / CONFIG).is_file():
            _convert(address.generator, source, folder, {})
    return folder


def _convert(generator: str, source: Path, folder: Path, about: Mapping[str, Any]) -> None:
    kind = plugins().load("generator", generator)
    if not issubclass(kind, Converts):
        raise OptionError(f"{generator} does not convert models by others.")
    temporary = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        kind.convert(source, temporary, about)
        settle(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fetched(hub: Hub, original: Original, folder: Path) -> dict[str, str]:
    """Bring one file into a folder, and return its address with the commit, and its digest."""
    path = folder / original.path
    if original.url:
        remote = Remote(path.name, (original.url,), original.md5 or "", original.sha256 or "")
        download(remote, path.parent)
        return {"address": original.url, "sha256": original.sha256 or ""}
    repository = str(original.hub)
    commit, listed = hub.listed(repository, original.revision or "main")
    what = f"{repository}@{commit}"
    if original.path not in listed:
        raise NotFoundError(f"{what} lacks {original.path}.", "Its owners may have moved it.")
    if not path.is_file() or differs(path, listed[original.path]):
        with hub.asked(what) as api:
            api.hf_hub_download(repository, original.path, revision=commit, local_dir=folder)
    wrong = differs(path, listed[original.path])
    found = {name: _digest(path, name) for name in ("sha256", "md5")}
    for name, wanted in (("sha256", original.sha256), ("md5", original.md5)):
        if wanted and found[name] != wanted:
            wrong = f"its {name} is {found[name]}; expected {wanted}"
    if wrong:
        path.unlink()
        raise IntegrityError(f"{original.path} of {what} is refused and deleted: {wrong}.")
    return {"address": f"hf:{what}/{original.path}", "sha256": found["sha256"]}


def _digest(path: Path, name: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.new(name, usedforsecurity=False)
        ).hexdigest()
