"""An entry of the registry: where the files of a checkpoint are and what they must be, to the byte.

All else (what it makes, what was measured) is read from the checkpoint. Texts stay texts: an
unquoted ``1.10``, which YAML reads as a number, is refused rather than converted.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from brainzoo.checkpoint.names import MAX_BYTES, REQUIRED, WEIGHTS
from brainzoo.checkpoint.reading import makes, read_config
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

_INSIDE = r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}(?:/[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99})*"


class PackageSource(Strict):
    """A folder inside an installed plugin's wheel: nothing is downloaded.

    ``package`` is the distribution, ``brainzoo-pggan`` for example; ``path`` the folder inside it,
    ``brainzoo_pggan/checkpoints/pggan-ixi-64``.
    """

    package: Distribution
    path: Annotated[str, Field(pattern=exactly(_INSIDE))]

    def __str__(self) -> str:
        return f"{self.package}, {self.path}"


class HubSource(Strict):
    """Files of one commit of the repository ``owner/name`` on the Hub."""

    hub: Annotated[str, Field(pattern=exactly(REPOSITORY))]
    revision: Annotated[str, Field(pattern=exactly(REVISION))]

    def __str__(self) -> str:
        return f"hf:{self.hub}@{self.revision}"


class OthersSource(Strict):
    """A model that others publish; the generator fetches its ``originals`` and converts them, here.

    ``people`` made it of ``subjects`` of some ``data``; ``licence`` is that of the weights, which
    the user must accept, ``commercial`` whether it allows commercial use. ``citation`` is of its
    paper, ``url`` its page. ``megabytes`` are downloaded, and ``memory_gb`` taken by an image,
    about.
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
    originals: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=100)]

    @property
    def terms(self) -> str:
        """The licence, and whether it forbids commercial use."""
        return f"{self.licence}{'' if self.commercial else ', NON-COMMERCIAL USE ONLY'}"

    @property
    def digest(self) -> str:
        """A SHA-256 of which files these are."""
        named = json.dumps(self.originals, sort_keys=True)
        return hashlib.sha256(named.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.url}, by {self.people}"


def _which_source(value: Any) -> str:
    for key, kind in {"hub": HubSource, "originals": OthersSource}.items():
        if key in value if isinstance(value, dict) else isinstance(value, kind):
            return key
    return "package"


class FileRecord(Strict):
    """What one file must be: its size in bytes and its SHA-256."""

    size: Annotated[int, Field(ge=0, le=max(MAX_BYTES.values()))]
    sha256: Digest


class Entry(Strict):
    """One version of one checkpoint; once published, only ``summary`` and ``withdrawn`` change.

    ``summary`` says in one line what it makes, of which data. ``plugin`` is the generator that
    loads it, ``distribution`` what to install for that. ``files`` hold size and SHA-256 of every
    file, and nothing unlisted is fetched; a model by others has none, for they are made here.
    ``withdrawn`` says why it is not loaded any more, and what to use instead.
    """

    name: Annotated[str, Field(pattern=exactly(NAME), max_length=NAME_LENGTH)]
    version: Annotated[str, Field(pattern=exactly(VERSION))]
    summary: Text
    plugin: PluginName
    distribution: Distribution
    source: Annotated[
        Annotated[PackageSource, Tag("package")]
        | Annotated[HubSource, Tag("hub")]
        | Annotated[OthersSource, Tag("originals")],
        Discriminator(_which_source),
    ]
    files: dict[str, FileRecord]
    withdrawn: Prose | None = None

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
        if unknown := sorted(set(self.files) - set(MAX_BYTES)):
            raise ValueError(f"files may not list {unknown[0]!r}")
        needed = () if isinstance(self.source, OthersSource) else REQUIRED
        if missing := [name for name in needed if name not in self.files]:
            raise ValueError(f"files must list {missing[0]!r}")
        for name, record in self.files.items():
            if record.size > MAX_BYTES[name]:
                raise ValueError(f"{name} of {record.size} bytes is over {MAX_BYTES[name]}")
        return self


def entry_of(
    checkpoint: Path, *, name: str, version: str, source: PackageSource | HubSource
) -> Entry:
    """Return the registry entry of a checkpoint."""
    config = read_config(checkpoint)
    data, origin = config["trained_on"], config["trained_on"]["dataset"]
    summary = (
        f"{makes(config)}, from {data['n_subjects']:,} subjects of "
        f"{origin.get('name') or 'unknown data'} ({origin.get('license') or 'unknown licence'})"
    )
    found = {
        "name": name,
        "version": version,
        "summary": summary[:300],
        "plugin": config["plugin"]["name"],
        "distribution": config["plugin"]["distribution"],
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
