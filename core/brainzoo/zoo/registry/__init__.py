"""The checkpoints that brainzoo and its plugins know, and how to find one.

What is here needs pydantic: import it only where it is used, never at the top of a module that the
command line's help imports.
"""

from __future__ import annotations

from typing import Any

from brainzoo.common.errors import NotFoundError
from brainzoo.zoo.address import Folder, Named, OnHub
from brainzoo.zoo.address import parse as parse_reference
from brainzoo.zoo.registry.entry import entry_of
from brainzoo.zoo.registry.merge import Registry, known
from brainzoo.zoo.registry.schema import Entry, HubSource, PackageSource, RegistryFile
from brainzoo.zoo.registry.where import package_folder

__all__ = [
    "Entry",
    "HubSource",
    "PackageSource",
    "Registry",
    "RegistryFile",
    "entry_of",
    "find",
    "known",
    "listed",
    "package_folder",
    "schema",
]


def find(reference: str) -> Entry:
    """Return the entry that a reference names, to be used: a withdrawn one is refused.

    Args:
        reference: ``NAME``, ``NAME@VERSION``, or ``hf:owner/repo@<40 hex>`` of a known checkpoint.

    Raises:
        OptionError: It is no reference at all.
        NotFoundError: Nothing known has that name, or it was withdrawn.
    """
    wanted = parse_reference(reference)
    if isinstance(wanted, Named):
        return usable(known().get(wanted.name, wanted.version))
    if isinstance(wanted, Folder):
        raise NotFoundError(f"{wanted} is no checkpoint of the registry, but a folder.")
    entry = listed(wanted)
    if entry is None:
        raise NotFoundError(f"no known checkpoint is {wanted}.", "See: brainzoo list")
    return usable(entry)


def listed(source: OnHub) -> Entry | None:
    """Return the entry of a commit on the Hub, if there is one."""
    pinned = HubSource(hub=source.repository, revision=source.revision)
    return next((entry for entry in known() if entry.source == pinned), None)


def usable(entry: Entry) -> Entry:
    """Return the entry, unless it was withdrawn.

    Raises:
        NotFoundError: It was withdrawn; says why and what replaces it.
    """
    if entry.status == "withdrawn":
        instead = f"Use {entry.replaced_by} instead." if entry.replaced_by else ""
        why = " ".join((entry.reason or "").split()).rstrip(".")
        raise NotFoundError(f"{entry.reference} was withdrawn: {why}.", instead)
    return entry


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a file of entries, for editors and CI."""
    found = RegistryFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
