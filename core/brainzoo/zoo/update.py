"""Newer entries for brainzoo's own, fetched from the Hub: shown, checked, taken over.

What was published stays: files and commit of a (name, version) never change, and none disappears.
"""

from __future__ import annotations

import dataclasses
import re
import tempfile
from pathlib import Path

from brainzoo.common.errors import IntegrityError, OptionError
from brainzoo.common.files import write_bytes
from brainzoo.zoo.address import REPOSITORY
from brainzoo.zoo.hub import Hub
from brainzoo.zoo.registry import broken_promises, changed, fetched
from brainzoo.zoo.registry_file import RegistryFile, parse_registry


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


def fetch(repository: str) -> bytes:
    """Return ``registry.yaml`` of a repository on the Hub; nothing pins it.

    Raises:
        NotFoundError: There is none.
        AuthorisationError: The repository is private or gated, or the token is refused.
        NetworkError: The Hub is out of reach, or ``HF_HUB_OFFLINE`` forbids to ask.
    """
    if not re.fullmatch(REPOSITORY, repository):
        raise OptionError(f"{repository[:100]!r} is not a repository.", "Expected OWNER/NAME.")
    with tempfile.TemporaryDirectory() as here, Hub.of().asked(repository) as api:
        path = api.hf_hub_download(repository, "registry.yaml", local_dir=here)
        return Path(path).read_bytes()


def prepare(before: RegistryFile, content: bytes) -> Update:
    """Return an update, checked; nothing is written yet.

    Args:
        before: What is known now.
        content: The new file.

    Raises:
        IntegrityError: It cannot be read, is older, or changes what was published.
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
        more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
        raise IntegrityError(
            f"the fetched registry changes what was published: {broken[0]}{more}.",
            "Do not trust it; tell its maintainers.",
        )
    return Update(content, after, tuple(_lines(before, after)))


def accept(update: Update) -> None:
    """Keep an update in brainzoo's home, from where it is read from now on."""
    write_bytes(fetched(), update.content)


def _lines(before: RegistryFile, after: RegistryFile) -> list[str]:
    old = {entry.address: entry for entry in before.checkpoints}
    lines = [f"serial {before.serial} -> {after.serial}"]
    for entry in after.checkpoints:
        was = old.get(entry.address)
        if was is None:
            lines.append(
                f"+ {entry.address}  {entry.summary}; {entry.size:,} bytes; {entry.source}"
            )
            continue
        for name in sorted(changed(was, entry)):
            values = (" ".join(str(getattr(one, name)).split()) for one in (was, entry))
            lines.append(f"~ {entry.address}  {name}: {' -> '.join(values)}")
    return lines
