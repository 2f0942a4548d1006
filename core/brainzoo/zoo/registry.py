"""The checkpoints that are known: brainzoo's own, those of ``registry update``, and plugins'."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from brainzoo.common.errors import BrainzooError, IntegrityError, NotFoundError
from brainzoo.common.home import home
from brainzoo.common.version import DISTRIBUTION
from brainzoo.plugin import manager as installed
from brainzoo.plugin.options import nearest
from brainzoo.zoo.address import Named, OnHub
from brainzoo.zoo.cache import local
from brainzoo.zoo.entry import Entry, HubSource, PackageSource
from brainzoo.zoo.registry_file import RegistryFile, read_registry

MAY_CHANGE = {"summary", "status", "replaced_by", "reason"}
"""Fields of a published entry; and files in a package may move to the Hub, the same to the byte."""


@dataclasses.dataclass(frozen=True)
class Registry:
    """The known checkpoints.

    Attributes:
        entries: Sorted by name, then by version, newest first.
        origins: The distribution that brings each name.
        problems: A line for each file of entries that is left out.
        serial: Of brainzoo's own entries.
    """

    entries: tuple[Entry, ...]
    origins: Mapping[str, str]
    problems: tuple[str, ...] = ()
    serial: int = 1

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def versions(self, name: str) -> list[Entry]:
        """Return the entries of a name, newest first."""
        return [entry for entry in self.entries if entry.name == name]

    def newest(self) -> list[Entry]:
        """Return the entry that each name stands for."""
        return [self.get(name) for name in dict.fromkeys(entry.name for entry in self.entries)]

    def get(self, name: str, version: str | None = None) -> Entry:
        """Return one entry, whatever its status.

        Without a version: the newest that is active, else the newest deprecated, else the newest.

        Raises:
            NotFoundError: There is none; the nearest name or the versions are offered.
        """
        of_name = self.versions(name)
        if not of_name:
            known = sorted({entry.name for entry in self.entries})
            raise NotFoundError(
                f"there is no checkpoint named {name!r}.",
                nearest(name, known) if known else "The registry is empty.",
            )
        if version is None:
            order = ("active", "deprecated", "withdrawn")
            return min(of_name, key=lambda entry: order.index(entry.status))
        found = [entry for entry in of_name if entry.version == version]
        if not found:
            versions = ", ".join(entry.version for entry in of_name)
            raise NotFoundError(f"{name} has no version {version}.", f"Known: {versions}.")
        return found[0]


def known() -> Registry:
    """Return every checkpoint that brainzoo and the installed plugins know.

    A file that cannot be used is one of ``problems``; everything else works.
    """
    problems: list[str] = []
    try:
        own = current()
    except BrainzooError as error:
        problems.append(f"{fetched()} is left out: {error.message} Remove it.")
        own = read_registry(packaged())
    fragments: list[tuple[str, RegistryFile]] = []
    for implementation in implementations():
        distribution = implementation.plugin_name.partition(":")[0]
        try:
            fragments.append((distribution, read_registry(Path(implementation.function()))))
        except Exception as error:  # a plugin may raise anything; the others' checkpoints count
            said = " ".join(f"{type(error).__name__}: {error}".split())
            said = error.message if isinstance(error, BrainzooError) else said
            problems.append(f"{distribution}: its checkpoints are left out: {said}")
    registry = merged(own, fragments)
    return dataclasses.replace(registry, problems=(*problems, *registry.problems))


def merged(own: RegistryFile, fragments: Iterable[tuple[str, RegistryFile]]) -> Registry:
    """Return our entries with those of plugins.

    A fragment is taken whole or not at all; ours win, then distributions in alphabetical order.
    """
    entries = list(own.checkpoints)
    origins = {entry.name: DISTRIBUTION for entry in entries}
    problems = []
    for distribution, fragment in sorted(fragments, key=lambda pair: pair[0]):
        names = {entry.name for entry in fragment.checkpoints}
        taken = sorted(names & origins.keys())
        if taken:
            problems.append(
                f"{distribution}: its checkpoints are left out: {taken[0]!r} is the name of a "
                f"checkpoint of {origins[taken[0]]}"
            )
            continue
        entries += fragment.checkpoints
        origins |= dict.fromkeys(names, distribution)
    entries.sort(key=lambda entry: (entry.name, [-int(n) for n in entry.version.split(".")]))
    return Registry(tuple(entries), origins, tuple(problems), own.serial)


def find(address: Named | OnHub) -> Entry | None:
    """Return the entry of an address, to be used; ``None`` for a commit that no entry lists.

    Raises:
        NotFoundError: No entry has that name, or it was withdrawn.
    """
    if isinstance(address, Named):
        return usable(known().get(address.name, address.version))
    pinned = HubSource(hub=address.repository, revision=address.revision)
    entry = next((entry for entry in known() if entry.source == pinned), None)
    return entry and usable(entry)


def usable(entry: Entry) -> Entry:
    """Return the entry, unless it was withdrawn.

    Raises:
        NotFoundError: It was withdrawn; says why and what replaces it.
    """
    if entry.status == "withdrawn":
        instead = f"Use {entry.replaced_by} instead." if entry.replaced_by else ""
        why = " ".join((entry.reason or "").split()).rstrip(".")
        raise NotFoundError(f"{entry.address} was withdrawn: {why}.", instead)
    return entry


def shipped(generator: str) -> dict[str, Path]:
    """Return the checkpoints of a generator that installed packages bring: folders by name."""
    found = {
        entry.name: local(entry)
        for entry in known().newest()
        if (entry.plugin, entry.status) == (generator, "active")
        and isinstance(entry.source, PackageSource)
    }
    return {name: folder for name, folder in found.items() if folder is not None}


def implementations() -> Sequence[Any]:
    """Return the hooks of plugins that bring entries."""
    found: Sequence[Any] = installed.plugins().hook.brainzoo_registry.get_hookimpls()
    return found


def packaged() -> Path:
    """Return the ``registry.yaml`` that came with brainzoo."""
    package = Path(installed.__file__).parents[1]
    inside = package / "registry.yaml"
    # An editable install reads the file at the root of the repository.
    return inside if inside.is_file() else package.parents[1] / "registry.yaml"


def fetched() -> Path:
    """Return where ``brainzoo registry update`` keeps what it fetched."""
    return home() / "registry.yaml"


def current() -> RegistryFile:
    """Return brainzoo's own entries: the packaged ones or fetched ones, whichever are newer.

    Raises:
        IntegrityError: A file is damaged, or the fetched one changes what was published.
    """
    own = read_registry(packaged())
    if fetched().is_file():
        newer = read_registry(fetched())
        if newer.serial > own.serial:
            if broken := broken_promises(own, newer):
                raise IntegrityError(
                    f"the fetched registry changes what was published: {broken[0]}."
                )
            return newer
    return own


def broken_promises(before: RegistryFile, after: RegistryFile) -> list[str]:
    """Return which published versions changed or disappeared, a few words each."""
    now = {entry.address: entry for entry in after.checkpoints}
    broken = []
    for entry in before.checkpoints:
        if entry.address not in now:
            broken.append(f"{entry.address} is gone")
            continue
        fields = changed(entry, now[entry.address]) - MAY_CHANGE
        to_hub = isinstance(now[entry.address].source, HubSource)
        if fields == {"source"} and isinstance(entry.source, PackageSource) and to_hub:
            continue
        broken += [f"{name} of {entry.address}" for name in sorted(fields)[:1]]
    return broken


def changed(before: Entry, after: Entry) -> set[str]:
    """Return the names of the fields that differ."""
    return {name for name in Entry.model_fields if getattr(before, name) != getattr(after, name)}
