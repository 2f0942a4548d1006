"""How people name a checkpoint: by name, by a commit on the Hub, or by a folder.

``pggan-ixi-64``, ``pggan-ixi-64@1.0.0``, ``hf:owner/repo@v1.0.0`` or ``@<40 hex digits>``, a folder
that is a checkpoint or a run, or ``generator:folder`` of a model by others. Nothing heavy is
imported here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from pathlib import Path

from brainzoo.common.errors import OptionError

NAME = r"[a-z0-9]+(?:-[a-z0-9]+)*"
NAME_LENGTH = 64
VERSION = r"(?:0|[1-9][0-9]{0,5})(?:\.(?:0|[1-9][0-9]{0,5})){2}"
REPOSITORY = r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.\-]{0,95}"
REVISION = r"[0-9a-f]{40}"

EXPECTED = (
    "Expected a name as brainzoo list shows it, NAME@1.0.0, "
    "hf:OWNER/REPOSITORY@v1.0.0 (or @ a commit's 40 hex digits), or a folder."
)


@dataclasses.dataclass(frozen=True)
class Named:
    """A checkpoint of the registry; without a version the newest one."""

    name: str
    version: str | None = None

    def __str__(self) -> str:
        return f"{self.name}@{self.version}" if self.version else self.name


@dataclasses.dataclass(frozen=True)
class OnHub:
    """A repository on the Hub at one commit, which can never change; or at a tag of a version.

    A tag is resolved to its commit before anything is fetched.
    """

    repository: str
    revision: str

    def __str__(self) -> str:
        return f"hf:{self.repository}@{self.revision}"


@dataclasses.dataclass(frozen=True)
class ByOthers:
    """A folder with a model by others, which a generator converts: ``monai:bundle``."""

    generator: str
    path: Path

    def __str__(self) -> str:
        return f"{self.generator}:{self.path}"


def parse(address: str | Path) -> Named | OnHub | ByOthers | Path:
    """Return what an address names; a path is a checkpoint or run folder on this machine.

    What holds a path separator is a folder; a bare word is one where it names a checkpoint or run
    in the current folder, else a name of the registry.
    """
    if isinstance(address, Path):
        return address
    shown = repr(address if len(address) <= 80 else f"{address[:80]}…")
    if address.startswith("hf:"):
        repository, _, revision = address.removeprefix("hf:").partition("@")
        if not re.fullmatch(REPOSITORY, repository) or ".." in address:
            raise OptionError(f"{shown} is not a repository.", EXPECTED)
        if not re.fullmatch(f"{REVISION}|v{VERSION}", revision):
            raise OptionError(
                f"{shown} does not name a commit or a version: branches change under you.",
                "Write hf:OWNER/REPOSITORY@v1.0.0, or @ and the 40 hex digits of a commit.",
            )
        return OnHub(repository, revision)
    # Two letters or more: a single one is a drive of Windows.
    by_others = re.fullmatch(r"([a-z0-9][a-z0-9_-]+):(.+)", address)
    folder = Path(by_others[2] if by_others else address or "?")
    with contextlib.suppress(RuntimeError):  # ~ of a user who is not there
        folder = folder.expanduser()
    if by_others:
        return ByOthers(by_others[1], folder)
    pathlike = any(mark in address for mark in "/\\") or address.startswith((".", "~"))
    if pathlike or _is_model(folder):
        return folder
    name, at, version = address.partition("@")
    fits = len(name) <= NAME_LENGTH and re.fullmatch(NAME, name)
    if not fits or (at and not re.fullmatch(VERSION, version)):
        raise OptionError(f"{shown} is not the address of a checkpoint.", EXPECTED)
    return Named(name, version or None)


def _is_model(path: Path) -> bool:
    try:
        return any((path / file).is_file() for file in ("config.json", "run.yaml"))
    except (OSError, ValueError):  # a name too long, or with a null byte
        return False
