"""An entry of the registry, strictly, and the entry of a checkpoint.

An entry says where the files of a checkpoint are and what they must be, to the byte; all else (what
it makes, what was measured) is read from the checkpoint. Texts stay texts: an unquoted ``1.10`` or
an all-digit commit, which YAML reads as numbers, is refused rather than converted.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from brainzoo.checkpoint.names import MAX_BYTES, REQUIRED, WEIGHTS
from brainzoo.checkpoint.reading import read_config
from brainzoo.common.errors import IntegrityError
from brainzoo.common.files import sha256
from brainzoo.common.strict import (
    Count,
    Digest,
    Distribution,
    PluginName,
    Prose,
    Strict,
    Text,
    exactly,
    validated,
)
from brainzoo.zoo.address import NAME, NAME_LENGTH, REPOSITORY, REVISION, VERSION


def _is_relative(text: str) -> str:
    if any(part in ("", ".", "..") for part in text.split("/")):
        raise ValueError("must be a plain path within the distribution")
    return text


Name = Annotated[str, Field(pattern=exactly(NAME), max_length=NAME_LENGTH)]
Version = Annotated[str, Field(pattern=exactly(VERSION))]


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

    def __str__(self) -> str:
        return f"{self.package}, {self.path}"


class HubSource(Strict):
    """Files of one commit of a repository on the Hub.

    Attributes:
        hub: The repository, ``owner/name``.
        revision: The commit: 40 hexadecimal digits.
    """

    hub: Annotated[str, Field(pattern=exactly(REPOSITORY))]
    revision: Annotated[str, Field(pattern=exactly(REVISION))]

    def __str__(self) -> str:
        return f"hf:{self.hub}@{self.revision}"


class Original(Strict):
    """One file of a model by others, where its owners publish it.

    Attributes:
        path: Its place in the repository, and in the folder that is converted.
        hub: The repository on the Hub; or
        url: its address elsewhere, which then needs the SHA-256.
        revision: The commit on the Hub; ``None`` if none is known: the newest one.
        sha256: Its digest, where one is known.
        md5: The digest that its owners state, where they state this one.
    """

    path: Annotated[
        str,
        Field(pattern=exactly(r"[A-Za-z0-9_][A-Za-z0-9_./\-]{0,199}")),
        AfterValidator(_is_relative),
    ]
    hub: Annotated[str, Field(pattern=exactly(REPOSITORY))] | None = None
    url: Annotated[str, Field(pattern=exactly(r"https?://[!-~]{1,500}"))] | None = None
    revision: Annotated[str, Field(pattern=exactly(REVISION))] | None = None
    sha256: Digest | None = None
    md5: Annotated[str, Field(pattern=exactly("[0-9a-f]{32}"))] | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.hub is None) == (self.url is None):
            raise ValueError(f"{self.path} needs either hub or url")
        if self.url and not self.sha256:
            raise ValueError(f"{self.path} of a url needs its sha256")
        return self


class OthersSource(Strict):
    """A model that others publish; the generator turns its files into a checkpoint, here.

    Attributes:
        people: Who made it.
        licence: Of the weights, which the user must accept.
        licence_url: Where it can be read.
        commercial: Whether it allows commercial use.
        data: What it was trained on.
        subjects: Of how many people.
        citation: Of its paper.
        url: Its page.
        megabytes: About how much is downloaded.
        memory_gb: About how much memory an image takes.
        originals: The files.
    """

    people: Text
    licence: Text
    licence_url: Text
    commercial: bool
    data: Text
    subjects: Count
    citation: Text
    url: Text
    megabytes: Annotated[int, Field(ge=0)]
    memory_gb: Annotated[float, Field(ge=0)]
    originals: Annotated[tuple[Original, ...], Field(strict=False, min_length=1, max_length=100)]

    @property
    def digest(self) -> str:
        """A SHA-256 of which files these are."""
        return hashlib.sha256(
            "".join(one.model_dump_json() for one in self.originals).encode()
        ).hexdigest()

    def __str__(self) -> str:
        return f"{self.url}, by {self.people}"


def _which_source(value: Any) -> str:
    kinds = {"hub": HubSource, "originals": OthersSource}
    for key, kind in kinds.items():
        if key in value if isinstance(value, dict) else isinstance(value, kind):
            return key
    return "package"


Source = Annotated[
    Annotated[PackageSource, Tag("package")]
    | Annotated[HubSource, Tag("hub")]
    | Annotated[OthersSource, Tag("originals")],
    Discriminator(_which_source),
]


class FileRecord(Strict):
    """What one file must be: its size in bytes and its SHA-256."""

    size: Annotated[int, Field(ge=0, le=max(MAX_BYTES.values()))]
    sha256: Digest


class Entry(Strict):
    """One version of one checkpoint.

    Once published, only ``summary``, ``status``, ``replaced_by`` and ``reason`` change.

    Attributes:
        name: What people type, for example ``pggan-ixi-64``.
        version: ``X.Y.Z``.
        summary: What it makes, of which data, in one line.
        plugin: The generator that loads it.
        distribution: What to install for the generator.
        source: Where the files are.
        files: Size and SHA-256 of every file; nothing unlisted is fetched. Empty for a model
            by others: they are made here.
        status: ``withdrawn`` is not loaded any more.
        replaced_by: What to use instead: ``NAME`` or ``NAME@VERSION``.
        reason: Why it is deprecated or withdrawn.
    """

    name: Name
    version: Version
    summary: Text
    plugin: PluginName
    distribution: Distribution
    source: Source
    files: dict[str, FileRecord]
    status: Literal["active", "deprecated", "withdrawn"] = "active"
    replaced_by: Annotated[str, Field(pattern=exactly(f"{NAME}(?:@{VERSION})?"))] | None = None
    reason: Prose | None = None

    @property
    def address(self) -> str:
        """``NAME@VERSION``."""
        return f"{self.name}@{self.version}"

    @property
    def size(self) -> int:
        """Bytes of all files; of models by others, about."""
        if isinstance(self.source, OthersSource):
            return 1_000_000 * self.source.megabytes
        return sum(record.size for record in self.files.values())

    @property
    def weights_sha256(self) -> str:
        """The digest of the weights; of models by others, of which files they are made of."""
        if isinstance(self.source, OthersSource):
            return self.source.digest
        return self.files[WEIGHTS].sha256

    @model_validator(mode="after")
    def _agree(self) -> Self:
        unknown = sorted(set(self.files) - set(MAX_BYTES))
        needed = () if isinstance(self.source, OthersSource) else REQUIRED
        missing = [name for name in needed if name not in self.files]
        if unknown or missing:
            which = f"may not list {unknown[0]!r}" if unknown else f"must list {missing[0]!r}"
            raise ValueError(f"files {which}")
        for name, record in self.files.items():
            if record.size > MAX_BYTES[name]:
                raise ValueError(f"{name} of {record.size} bytes is over {MAX_BYTES[name]}")
        if self.status != "active" and not self.reason:
            raise ValueError(f"what is {self.status} needs a reason")
        if self.replaced_by in (self.name, self.address):
            raise ValueError("replaced_by names the entry itself")
        return self


def entry_of(
    checkpoint: Path, *, name: str, version: str, source: PackageSource | HubSource
) -> Entry:
    """Return the registry entry of a checkpoint.

    Raises:
        NotFoundError: No checkpoint there.
        IntegrityError: It is damaged, or its config says what no entry may hold.
    """
    config = read_config(checkpoint)
    plugin, data, spatial = config["plugin"], config["trained_on"], config["images"]["spatial"]
    kind = "slices" if len(spatial) == 2 else "volumes"
    origin = data["dataset"]
    summary = (
        f"{' + '.join(config['preprocessing'].get('channels') or ['MRI'])} {kind} of "
        f"{' × '.join(map(str, spatial))}, from {data['n_subjects']:,} subjects of "
        f"{origin.get('name') or 'unknown data'} ({origin.get('license') or 'unknown licence'})"
    )
    found = {
        "name": name,
        "version": version,
        "summary": summary[:300],
        "plugin": plugin["name"],
        "distribution": plugin["distribution"],
        "source": source,
        "files": records(checkpoint),
    }
    try:
        return validated(Entry, found)
    except ValueError as error:
        raise IntegrityError(f"{checkpoint} makes no registry entry: {error}.") from None


def records(folder: Path) -> dict[str, FileRecord]:
    """Return sizes and digests of the files of a checkpoint folder."""
    paths = [folder / name for name in MAX_BYTES if (folder / name).is_file()]
    return {p.name: FileRecord(size=p.stat().st_size, sha256=sha256(p)) for p in paths}
