"""Reading and writing files of registry entries: safe YAML within limits, one line an error."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from brainzoo.common import strict
from brainzoo.common.errors import IncompatiblePluginError, IntegrityError, NotFoundError
from brainzoo.common.strict import printable
from brainzoo.zoo.registry.schema import SCHEMA, Entry, RegistryFile

MAX_BYTES = 2_000_000
MAX_DEPTH = 12

# libyaml reads ten times faster; the wheels of PyYAML bring it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """The safe loader, but a name that occurs twice is refused rather than the last one kept."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.YAMLError(f"a name is no text{_place(key)}")
            if key.value in seen:
                raise yaml.YAMLError(f"{str(key.value)[:60]!r} occurs twice{_place(key)}")
            seen.add(key.value)
        found: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return found


def read_registry(path: Path) -> RegistryFile:
    """Read a file of entries.

    Raises:
        NotFoundError: There is none.
        IntegrityError: It cannot be read, or an entry is not as :mod:`brainzoo.zoo.registry.schema`
            wants it; says which field of which entry.
        IncompatiblePluginError: It is of a later format.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NotFoundError(f"{path} cannot be read: {error.strerror}.") from error
    return parse_registry(content, path.name)


def parse_registry(content: bytes, name: str = "registry.yaml") -> RegistryFile:
    """Return the entries that the content of a file holds.

    Args:
        content: YAML in UTF-8.
        name: How errors call the file.

    Raises:
        IntegrityError: It is not what :mod:`brainzoo.zoo.registry.schema` wants.
        IncompatiblePluginError: It is of a later format.
    """
    raw = _plain(content, name)
    schema = raw.get("schema") if isinstance(raw, dict) else None
    if type(schema) is int and schema > SCHEMA:
        raise IncompatiblePluginError(
            f"{name} is of schema {schema}; this version reads up to {SCHEMA}.",
            "Try: pip install --upgrade brainzoo-core",
        )
    try:
        return RegistryFile.model_validate(raw)
    except ValidationError as error:
        raise IntegrityError(f"{name}: {explain(error, raw)}.") from None


def dump_entries(entries: tuple[Entry, ...] | list[Entry]) -> str:
    """Return entries as they stand in ``registry.yaml``, without the fields that are not set."""
    plain = [entry.model_dump(mode="json", by_alias=True, exclude_none=True) for entry in entries]
    text: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
    return text


def dump_registry(registry: RegistryFile) -> str:
    """Return the whole content of a ``registry.yaml``."""
    head = f"schema: {registry.schema_}\nserial: {registry.serial}\n"
    if not registry.checkpoints:
        return f"{head}checkpoints: []\n"
    return f"{head}checkpoints:\n{dump_entries(list(registry.checkpoints))}"


def explain(error: ValidationError, raw: Any = None) -> str:
    """Return the first problem as one line: which entry, which field, what was found."""
    where, text = strict.explain(error)
    if "source" in where[:-1]:
        del where[where.index("source") + 1]  # which of the two kinds of sources, by pydantic
    entry = ""
    if where[:1] == ["checkpoints"] and len(where) > 1:
        entry, where = f"{_entry_name(raw, where[1])}: ", where[2:]
    field = ".".join(str(part) for part in where)[:120]
    return printable(" ".join(f"{entry}{field}{': ' if field else ''}{text}".split()))


def _plain(content: bytes, name: str) -> Any:
    """Return YAML as plain values, without aliases, tags, duplicates or deep nesting."""
    if len(content) > MAX_BYTES:
        raise IntegrityError(f"{name} is over {MAX_BYTES} bytes, too large for a registry.")
    try:
        text = content.decode("utf-8")
        depth = 0
        for event in yaml.parse(text, Loader=_Base):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise yaml.YAMLError(f"anchors and aliases are not allowed{_place(event)}")
            if getattr(event, "tag", None):
                raise yaml.YAMLError(f"tags are not allowed{_place(event)}")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise yaml.YAMLError(f"it is nested too deeply{_place(event)}")
        return yaml.load(text, Loader=_Loader)
    # Dates and numbers that cannot be raise ValueError and its like.
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        said = printable(" ".join(str(error).split()))
        raise IntegrityError(f"{name} cannot be read: {said[:300].rstrip('.')}.") from None


def _place(at: Any) -> str:
    return f" in line {at.start_mark.line + 1}" if at.start_mark else ""


def _entry_name(raw: Any, index: Any) -> str:
    try:
        entry = raw["checkpoints"][index]
        return f"entry {entry['name']!s:.64}@{entry['version']!s:.20}"
    except (KeyError, TypeError, IndexError):
        return f"entry {index + 1 if isinstance(index, int) else index}"
