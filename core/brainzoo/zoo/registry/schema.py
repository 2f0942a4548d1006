"""What an entry of the registry holds, and a file of entries (``registry.yaml``), strictly.

Texts stay texts: an unquoted ``1.10`` or an all-digit commit, which YAML reads as numbers, is
refused rather than converted. No field may hold control characters: entries are shown on terminals.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from brainzoo.checkpoint.names import MAX_BYTES, REQUIRED
from brainzoo.common.strict import (
    Count,
    Digest,
    Distribution,
    Number,
    PluginName,
    Prose,
    Spacing,
    Strict,
    Text,
    Url,
    exactly,
)
from brainzoo.zoo.address import NAME, NAME_LENGTH, REPOSITORY, REVISION, VERSION

SCHEMA = 1


def _is_requirement(text: str) -> str:
    try:
        found = Requirement(text)
    except InvalidRequirement:
        raise ValueError("is no requirement such as 'brainzoo-pggan~=0.1.0'") from None
    if found.url or found.extras or found.marker:
        raise ValueError("may hold a distribution and its versions only")
    return text


def _is_relative(text: str) -> str:
    if any(part in ("", ".", "..") for part in text.split("/")):
        raise ValueError("is no plain path within the distribution")
    return text


Name = Annotated[str, Field(pattern=exactly(NAME), max_length=NAME_LENGTH)]
Version = Annotated[str, Field(pattern=exactly(VERSION))]
Size = Annotated[int, Field(ge=0, le=max(MAX_BYTES.values()))]
Side = Annotated[int, Field(ge=1, le=100_000)]


class PackageSource(Strict):
    """Files inside an installed plugin's wheel: nothing is downloaded.

    Attributes:
        package: The distribution, for example ``brainzoo-pggan``.
        path: The folder inside it, for example ``brainzoo_pggan/checkpoints/pggan-ixi-64``.
    """

    package: Distribution
    path: Annotated[
        str,
        Field(pattern=exactly(r"[A-Za-z0-9_][A-Za-z0-9_./\-]{0,199}")),
        AfterValidator(_is_relative),
    ]


class HubSource(Strict):
    """Files of one commit of a repository on the Hub.

    Attributes:
        hub: The repository, ``owner/name``.
        revision: The commit: 40 hexadecimal digits.
    """

    hub: Annotated[str, Field(pattern=exactly(REPOSITORY))]
    revision: Annotated[str, Field(pattern=exactly(REVISION))]


def _which_source(value: Any) -> str:
    hub = "hub" in value if isinstance(value, dict) else isinstance(value, HubSource)
    return "hub" if hub else "package"


Source = Annotated[
    Annotated[PackageSource, Tag("package")] | Annotated[HubSource, Tag("hub")],
    Discriminator(_which_source),
]


class FileRecord(Strict):
    """What one file must be: its SHA-256 and its size in bytes."""

    sha256: Digest
    size: Size


class Data(Strict):
    """What the weights were trained on."""

    name: Text
    version: Text | None = None
    license: Text
    url: Url | None = None
    n_subjects: Count


class Metric(Strict):
    """One measured figure: value, interval, what real images reach, from how many, and how."""

    name: Text
    value: Number
    low: Number | None = None
    high: Number | None = None
    floor: Number | None = None
    n: Count
    protocol: Prose | None = None


class Training(Strict):
    """What makes the weights again; see :class:`brainzoo.checkpoint.config.TrainingPart`."""

    command: Prose
    earlier_budgets: Annotated[tuple[Text, ...], Field(strict=False, max_length=100)] = ()
    seed: Count
    commit: Annotated[str, Field(pattern=exactly("[0-9a-f]{7,40}"))] | None = None
    hardware: Text | None = None


class Entry(Strict):
    """One version of one checkpoint.

    Once published, only ``status``, ``replaced_by`` and ``reason`` change.

    Attributes:
        name: What people type, for example ``pggan-ixi-64``.
        version: ``X.Y.Z``.
        plugin: The generator that loads it.
        plugin_requires: The distribution that brings the generator, and its versions.
        source: Where the files are.
        files: SHA-256 and size of every file; nothing unlisted is fetched.
        license: Of the weights, as an SPDX identifier where there is one.
        data: What it was trained on.
        access: ``gated`` where the Hub asks for terms to be accepted.
        modality: For example ``[T1w]``.
        spatial_dims: 2 or 3.
        image_shape: ``(channel, *spatial)``.
        spacing_mm: A number an axis.
        value_range: Lowest and highest value of the samples.
        params: How many numbers the weights hold.
        metrics: Measured figures.
        training: Command, seed, commit and hardware.
        paper: Where the method comes from.
        intended_use: What it is for.
        limitations: What it is not for, and where it fails.
        status: ``withdrawn`` is not loaded any more.
        replaced_by: What to use instead: ``NAME`` or ``NAME@VERSION``.
        reason: Why it is deprecated or withdrawn.
    """

    name: Name
    version: Version
    plugin: PluginName
    plugin_requires: Annotated[str, Field(max_length=200), AfterValidator(_is_requirement)]
    source: Source
    files: dict[str, FileRecord]
    license: Text
    data: Data
    access: Literal["open", "gated"] = "open"
    modality: Annotated[tuple[Text, ...], Field(strict=False, min_length=1, max_length=20)]
    spatial_dims: Literal[2, 3]
    image_shape: Annotated[tuple[Side, ...], Field(strict=False)]
    spacing_mm: Annotated[tuple[Spacing, ...], Field(strict=False)]
    value_range: Annotated[tuple[Number, Number], Field(strict=False)] = (0.0, 1.0)
    params: Count
    metrics: Annotated[tuple[Metric, ...], Field(strict=False, max_length=500)] = ()
    training: Training | None = None
    paper: Text | None = None
    intended_use: Prose
    limitations: Prose
    status: Literal["active", "deprecated", "withdrawn"] = "active"
    replaced_by: Annotated[str, Field(pattern=exactly(f"{NAME}(?:@{VERSION})?"))] | None = None
    reason: Prose | None = None

    @property
    def reference(self) -> str:
        """``NAME@VERSION``."""
        return f"{self.name}@{self.version}"

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(record.size for record in self.files.values())

    @property
    def weights_sha256(self) -> str:
        """The digest of the weights."""
        return self.files["model.safetensors"].sha256

    @model_validator(mode="after")
    def _agree(self) -> Self:
        unknown = sorted(set(self.files) - set(MAX_BYTES))
        missing = [name for name in REQUIRED if name not in self.files]
        if unknown or missing:
            which = f"may not list {unknown[0]!r}" if unknown else f"must list {missing[0]!r}"
            raise ValueError(f"files {which}")
        for name, record in self.files.items():
            if record.size > MAX_BYTES[name]:
                raise ValueError(f"{name} of {record.size} bytes is over {MAX_BYTES[name]}")
        if len(self.image_shape) != self.spatial_dims + 1:
            raise ValueError("image_shape must hold channels and a side for each spatial dimension")
        if len(self.spacing_mm) != self.spatial_dims:
            raise ValueError("spacing_mm must hold a number for each spatial dimension")
        if self.value_range[0] >= self.value_range[1]:
            raise ValueError("value_range must rise")
        if self.status != "active" and not self.reason:
            raise ValueError(f"what is {self.status} needs a reason")
        if self.replaced_by in (self.name, self.reference):
            raise ValueError("replaced_by names the entry itself")
        return self


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
        seen: set[str] = set()
        for entry in self.checkpoints:
            if entry.reference in seen:
                raise ValueError(f"{entry.reference} occurs twice")
            seen.add(entry.reference)
        return self
