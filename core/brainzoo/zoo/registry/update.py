"""Newer entries for brainzoo's own: what may change, what changes, and taking them over.

What was published stays: the digests, sizes and commit of a (name, version) never change, and none
disappears. Only status, ``replaced_by`` and ``reason`` may; and files that came inside a package
may come from the Hub later, if they are the same to the byte.
"""

from __future__ import annotations

import dataclasses

from brainzoo.common.errors import IntegrityError
from brainzoo.common.files import write_bytes
from brainzoo.zoo.registry.merge import fetched
from brainzoo.zoo.registry.parse import parse_registry
from brainzoo.zoo.registry.schema import Entry, HubSource, PackageSource, RegistryFile

MAY_CHANGE = ("status", "replaced_by", "reason")


@dataclasses.dataclass(frozen=True)
class Update:
    """A file of entries that may take the place of another.

    Attributes:
        content: As it was fetched.
        registry: What it holds.
        lines: What it changes, a line each; empty if nothing.
    """

    content: bytes
    registry: RegistryFile
    lines: tuple[str, ...]


def prepare(before: RegistryFile, content: bytes) -> Update:
    """Return an update, checked; nothing is written yet.

    Args:
        before: What is known now.
        content: The new file.

    Raises:
        IntegrityError: It is no registry, is older, or changes what was published.
    """
    after = parse_registry(content, "the fetched registry")
    if after == before:
        return Update(content, after, ())
    if after.serial <= before.serial:
        raise IntegrityError(
            f"the fetched registry has serial {after.serial}; expected more than {before.serial}.",
            "The repository is behind this version of brainzoo, or was rolled back.",
        )
    broken = broken_promises(before, after)
    if broken:
        raise IntegrityError(
            f"the fetched registry changes what was published: {broken[0]}"
            f"{f', and {len(broken) - 1} more' if len(broken) > 1 else ''}.",
            "Do not trust it; tell its maintainers.",
        )
    return Update(content, after, tuple(changes(before, after)))


def accept(update: Update) -> None:
    """Keep an update in brainzoo's home, from where it is read from now on."""
    write_bytes(fetched(), update.content)


def broken_promises(before: RegistryFile, after: RegistryFile) -> list[str]:
    """Return which published versions changed or disappeared, a few words each."""
    now = {entry.reference: entry for entry in after.checkpoints}
    broken = []
    for entry in before.checkpoints:
        if entry.reference not in now:
            broken.append(f"{entry.reference} is gone")
            continue
        fields = [name for name in _changed(entry, now[entry.reference]) if name not in MAY_CHANGE]
        if fields and not (fields == ["source"] and _moved_to_hub(entry, now[entry.reference])):
            broken.append(f"{fields[0]} of {entry.reference}")
    return broken


def changes(before: RegistryFile, after: RegistryFile) -> list[str]:
    """Return what is new or different, a line each."""
    old = {entry.reference: entry for entry in before.checkpoints}
    lines = [f"serial {before.serial} -> {after.serial}"]
    for entry in after.checkpoints:
        if entry.reference not in old:
            lines.append(f"+ {entry.reference}  {_short(entry)}")
            continue
        was = old[entry.reference]
        for name in _changed(was, entry):
            lines.append(
                f"~ {entry.reference}  {name}: {_value(was, name)} -> {_value(entry, name)}"
            )
    return lines


def _changed(before: Entry, after: Entry) -> list[str]:
    names = type(before).model_fields
    return [name for name in names if getattr(before, name) != getattr(after, name)]


def _moved_to_hub(before: Entry, after: Entry) -> bool:
    moved = isinstance(before.source, PackageSource) and isinstance(after.source, HubSource)
    return moved and before.files == after.files


def _short(entry: Entry) -> str:
    source = entry.source
    place = (
        f"hf:{source.hub}@{source.revision}" if isinstance(source, HubSource) else source.package
    )
    return f"{entry.plugin}, {entry.size:,} bytes, {entry.license}, {place}"


def _value(entry: Entry, name: str) -> str:
    value = getattr(entry, name)
    if isinstance(value, PackageSource):
        return value.package
    if isinstance(value, HubSource):
        return f"hf:{value.hub}@{value.revision}"
    return " ".join(str(value).split())
