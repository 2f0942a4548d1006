"""Models that others publish: licence shown, files fetched, converted once into a checkpoint.

The registry says where the files are and whose they are; the generator that knows their format
fetches and converts them. What was converted lies among the
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
from brainzoo.common.errors import (
    AuthorisationError,
    NotFoundError,
    OptionError,
)
from brainzoo.common.files import disk_errors, expect_space, settle
from brainzoo.common.locks import locked
from brainzoo.plugin.manager import plugins
from brainzoo.zoo.address import ByOthers
from brainzoo.zoo.cache import place
from brainzoo.zoo.entry import Entry, OthersSource
from brainzoo.zoo.hub import Hub

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
    kind = _converter(entry.plugin)
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
            "files": [kind.fetch(one, arrived, hub) for one in source.originals],
        }
        _convert(kind, arrived, folder, about)
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
    state = hashlib.sha256(f"{source.resolve()} {key}".encode()).hexdigest()
    folder = place(address.generator, source.resolve().name, state)
    with disk_errors(folder), locked(folder):
        if not (folder / CONFIG).is_file():
            _convert(_converter(address.generator), source, folder, {})
    return folder


def _converter(generator: str) -> Any:
    """Return a generator that has what models by others need, two class methods.

    ``fetch(original, folder, hub)`` brings one of the ``originals`` of an entry into a folder and
    returns its ``address`` and ``sha256``; ``convert(source, folder, about)`` writes a checkpoint
    and runs or unpickles nothing of ``source``. ``about`` has what the registry knows: ``name``,
    ``people``, ``dataset`` (name, license, citation, url), ``n_subjects`` and ``files``, as
    ``fetch`` returned them; it is empty for a user's own folder.
    """
    kind = plugins().load("generator", generator)
    if not hasattr(kind, "convert"):
        raise OptionError(f"{generator} does not convert models by others.")
    return kind


def _convert(kind: Any, source: Path, folder: Path, about: Mapping[str, Any]) -> None:
    temporary = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        kind.convert(source, temporary, about)
        settle(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
