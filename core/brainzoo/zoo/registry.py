"""The checkpoints that are known: those of brainzoo's ``registry.yaml``, and of plugins' fragments.

Both come with installed packages.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from brainzoo.checkpoint import refresh_card
from brainzoo.common.errors import (
    BrainzooError,
    IncompatiblePluginError,
    IntegrityError,
    NotFoundError,
)
from brainzoo.common.files import write_text
from brainzoo.common.strict import printable, validated
from brainzoo.common.version import DISTRIBUTION
from brainzoo.plugin import manager as installed
from brainzoo.plugin.options import nearest
from brainzoo.zoo.address import Named, OnHub
from brainzoo.zoo.cache import local
from brainzoo.zoo.entry import Entry, HubSource, PackageSource, entry_of

SCHEMA = 1
# libyaml reads ten times faster; the wheels of PyYAML bring it.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclasses.dataclass(frozen=True)
class Registry:
    """The known checkpoints, sorted by name, then by version, newest first.

    ``origins`` is the distribution that brings each name; ``problems`` has a line for each file of
    entries that is left out.
    """

    entries: tuple[Entry, ...]
    origins: Mapping[str, str]
    problems: tuple[str, ...] = ()

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

        Without a version: the newest that is not withdrawn, else the newest.
        """
        of_name = self.versions(name)
        if not of_name:
            known = sorted({entry.name for entry in self.entries})
            raise NotFoundError(f"there is no checkpoint named {name!r}.", nearest(name, known))
        if version is None:
            return min(of_name, key=lambda entry: entry.withdrawn is not None)
        found = [entry for entry in of_name if entry.version == version]
        if not found:
            versions = ", ".join(entry.version for entry in of_name)
            raise NotFoundError(f"{name} has no version {version}.", f"Known: {versions}.")
        return found[0]


def known() -> Registry:
    """Return every checkpoint that brainzoo and the installed plugins know.

    A fragment that cannot be used, or takes a name that is taken, is left out whole and is one of
    ``problems``; brainzoo's own win, then distributions in alphabetical order.
    """
    entries = list(read_registry(packaged()))
    origins, problems = {entry.name: DISTRIBUTION for entry in entries}, []
    for hook in sorted(implementations(), key=lambda hook: str(hook.plugin_name)):
        distribution = hook.plugin_name.partition(":")[0]
        try:
            fragment = read_registry(Path(hook.function()))
            names = {entry.name for entry in fragment}
            if taken := sorted(names & origins.keys()):
                raise IntegrityError(
                    f"{taken[0]!r} is the name of a checkpoint of {origins[taken[0]]}."
                )
        except Exception as error:  # a plugin may raise anything; the others' checkpoints count
            said = " ".join(f"{type(error).__name__}: {error}".split())
            said = error.message if isinstance(error, BrainzooError) else said
            problems.append(f"{distribution}: its checkpoints are left out: {said}")
            continue
        entries += fragment
        origins |= dict.fromkeys(names, distribution)
    entries.sort(key=lambda entry: (entry.name, [-int(n) for n in entry.version.split(".")]))
    return Registry(tuple(entries), origins, tuple(problems))


def find(address: Named | OnHub) -> Entry | None:
    """Return the entry of an address, to be used; ``None`` for a commit that no entry lists."""
    if isinstance(address, Named):
        return usable(known().get(address.name, address.version))
    pinned = HubSource(hub=address.repository, revision=address.revision)
    entry = next((entry for entry in known() if entry.source == pinned), None)
    return entry and usable(entry)


def usable(entry: Entry) -> Entry:
    """Return the entry, unless it was withdrawn."""
    if entry.withdrawn:
        raise NotFoundError(f"{entry.address} was withdrawn: {' '.join(entry.withdrawn.split())}")
    return entry


def shipped(generator: str) -> dict[str, Path]:
    """Return the checkpoints of a generator that installed packages bring: folders by name."""
    found = {
        entry.name: local(entry)
        for entry in known().newest()
        if entry.plugin == generator
        and not entry.withdrawn
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


def read_registry(path: Path) -> tuple[Entry, ...]:
    """Read a file of entries."""
    try:
        return parse_registry(path.read_bytes(), path.name)
    except OSError as error:
        raise NotFoundError(f"{path} cannot be read: {error.strerror}.") from error


def parse_registry(content: bytes, name: str = "registry.yaml") -> tuple[Entry, ...]:
    """Return the entries that the content of a file holds; ``name`` is what errors call it."""
    try:
        raw = yaml.load(content.decode(), Loader=LOADER)
    # Dates and numbers that cannot be raise ValueError and its like.
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        said = printable(" ".join(str(error).split()))[:300].rstrip(".")
        raise IntegrityError(f"{name} cannot be read: {said}.") from None
    found = raw if isinstance(raw, dict) else {}
    schema, listed = found.get("schema"), found.get("checkpoints")
    if type(schema) is int and schema > SCHEMA:
        raise IncompatiblePluginError(
            f"{name} is of schema {schema}; this version reads up to {SCHEMA}.",
            "Try: pip install --upgrade brainzoo-core",
        )
    if schema != SCHEMA or not isinstance(listed, list):
        raise IntegrityError(
            f"{name} is not a registry: expected schema: {SCHEMA} and a list of checkpoints."
        )
    entries: dict[str, Entry] = {}
    for number, plain in enumerate(listed, start=1):
        about = plain if isinstance(plain, dict) else {}
        named = f"{about.get('name', number)!s:.64}@{about.get('version', '?')!s:.20}"
        try:
            entry = validated(Entry, plain)
        except ValueError as error:  # which of the two kinds of sources is pydantic's own word
            said = str(error).replace("source.hub.", "source.", 1)
            for kind in ("package", "originals"):
                said = said.replace(f"source.{kind}.", "source.", 1)
            raise IntegrityError(printable(f"{name}: entry {named}: {said}.")) from None
        if entry.address in entries:
            raise IntegrityError(f"{name}: {entry.address} occurs twice.")
        entries[entry.address] = entry
    return tuple(entries.values())


def dump_entries(entries: Sequence[Entry]) -> str:
    """Return entries as they stand in a ``registry.yaml``: a line a file."""
    plain = [entry.model_dump(mode="json", exclude_defaults=True) for entry in entries]
    # None: only what holds nothing nested is written on one line.
    text: str = yaml.safe_dump(
        plain, sort_keys=False, allow_unicode=True, width=1000, default_flow_style=None
    )
    return text


def enlist(
    folder: Path, *, distribution: str, version: str = "1.0.0", registry: Path | None = None
) -> Entry:
    """List a checkpoint that lies in a plugin's package, in ``checkpoints/NAME``; return its entry.

    Its card is written anew. For what no release holds: a published version never changes.
    ``registry`` is the file of entries, by default the package's own; its first comment stays.
    """
    folder = folder.resolve()
    package = folder.parents[1]
    refresh_card(folder)
    inside = f"{package.name}/checkpoints/{folder.name}"
    source = PackageSource(package=distribution, path=inside)
    entry = entry_of(folder, name=folder.name, version=version, source=source)
    path = registry or package / "registry.yaml"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    others = [one for one in (read_registry(path) if text else ()) if one.name != entry.name]
    listed = dump_entries(sorted([*others, entry], key=lambda one: one.name))
    head = text.partition("schema:")[0]
    write_text(path, f"{head}schema: {SCHEMA}\ncheckpoints:\n{listed}")
    return entry
