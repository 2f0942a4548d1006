"""Files of entries: ``registry.yaml`` or a plugin's fragment, read and written strictly."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import ConfigDict, Field, ValidationError, model_validator

from brainzoo.common.errors import IncompatiblePluginError, IntegrityError, NotFoundError
from brainzoo.common.strict import Strict, explain, printable
from brainzoo.zoo.entry import Entry

SCHEMA = 1
MAX_FILE_BYTES = 2_000_000
MAX_DEPTH = 12


class RegistryFile(Strict):
    """A file of entries: ``registry.yaml`` or a plugin's fragment.

    Attributes:
        schema_: The version of this format, 1; written ``schema``.
        serial: Rises with every published change.
        checkpoints: The entries; a (name, version) occurs once.
    """

    model_config = ConfigDict(title="brainzoo registry")

    schema_: Annotated[Literal[1], Field(alias="schema")]
    serial: Annotated[int, Field(ge=1, lt=2**53)]
    checkpoints: Annotated[tuple[Entry, ...], Field(strict=False, max_length=2000)]

    @model_validator(mode="after")
    def _once(self) -> Self:
        addresses = [entry.address for entry in self.checkpoints]
        for address in addresses:
            if addresses.count(address) > 1:
                raise ValueError(f"{address} occurs twice")
        return self


def read_registry(path: Path) -> RegistryFile:
    """Read a file of entries.

    Raises:
        NotFoundError: There is none.
        IntegrityError: It cannot be read, or an entry is wrong; says which field of which entry.
        IncompatiblePluginError: It is of a later format.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise NotFoundError(f"{path} cannot be read: {error.strerror}.") from error
    return parse_registry(content, path.name)


def parse_registry(content: bytes, name: str = "registry.yaml") -> RegistryFile:
    """Return the entries that the content of a file holds; ``name`` is what errors call it.

    Raises:
        IntegrityError: It cannot be read, or an entry is wrong; says which field of which entry.
        IncompatiblePluginError: It is of a later format.
    """
    if len(content) > MAX_FILE_BYTES:
        raise IntegrityError(f"{name} is over {MAX_FILE_BYTES} bytes, too large for a registry.")
    try:
        raw = _plain(content.decode("utf-8"))
    # Dates and numbers that cannot be raise ValueError and its like.
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        said = printable(" ".join(str(error).split()))
        raise IntegrityError(f"{name} cannot be read: {said[:300].rstrip('.')}.") from None
    schema = raw.get("schema") if isinstance(raw, dict) else None
    if type(schema) is int and schema > SCHEMA:
        raise IncompatiblePluginError(
            f"{name} is of schema {schema}; this version reads up to {SCHEMA}.",
            "Try: pip install --upgrade brainzoo-core",
        )
    try:
        return RegistryFile.model_validate(raw)
    except ValidationError as error:
        raise IntegrityError(f"{name}: {_explain(error, raw)}.") from None


def dump_entries(entries: Sequence[Entry]) -> str:
    """Return entries as they stand in ``registry.yaml``: a line a file."""
    plain = [entry.model_dump(mode="json", exclude_defaults=True) for entry in entries]
    # None: only what holds nothing nested is written on one line.
    text: str = yaml.safe_dump(
        plain, sort_keys=False, allow_unicode=True, width=1000, default_flow_style=None
    )
    return text


def dump_registry(registry: RegistryFile) -> str:
    """Return the whole content of a ``registry.yaml``."""
    entries = dump_entries(registry.checkpoints)
    start = f"schema: {registry.schema_}\nserial: {registry.serial}\ncheckpoints:"
    return f"{start} []\n" if not registry.checkpoints else f"{start}\n{entries}"


# libyaml reads ten times faster; the wheels of PyYAML bring it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """The safe loader, but a name that occurs twice is refused rather than the last one kept."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [str(key.value) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                line = node.start_mark.line + 1
                raise yaml.YAMLError(f"{key[:60]!r} occurs twice in what begins in line {line}")
        found: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return found


def _plain(text: str) -> Any:
    """Return YAML as plain values, without aliases or deep nesting, which could exhaust memory."""
    depth = 0
    for event in yaml.parse(text, Loader=_Base):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.YAMLError("it is nested too deeply")
    return yaml.load(text, Loader=_Loader)


def _explain(error: ValidationError, raw: Any) -> str:
    """Return the first problem as one line: which entry, which field, what was found."""
    where, text = explain(error)
    if "source" in where[:-1]:
        del where[where.index("source") + 1]  # which of the two kinds of sources, by pydantic
    entry = ""
    if where[:1] == ["checkpoints"] and len(where) > 1:
        entry, where = f"{_entry_name(raw, where[1])}: ", where[2:]
    field = ".".join(str(part) for part in where)[:120]
    return printable(" ".join(f"{entry}{field}{': ' if field else ''}{text}".split()))


def _entry_name(raw: Any, index: Any) -> str:
    try:
        entry = raw["checkpoints"][index]
        return f"entry {entry['name']!s:.64}@{entry['version']!s:.20}"
    except (KeyError, TypeError, IndexError):
        return f"entry {index + 1 if isinstance(index, int) else index}"
