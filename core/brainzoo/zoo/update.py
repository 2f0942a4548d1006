"""Newer entries for brainzoo's own, fetched from the Hub: what they change, and whether they may.

What was published stays: files and commit of a (name, version) never change, and none disappears.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from brainzoo.common.errors import IntegrityError, OptionError
from brainzoo.zoo.address import REPOSITORY
from brainzoo.zoo.hub import Hub
from brainzoo.zoo.registry import broken_promises, changed
from brainzoo.zoo.registry_file import RegistryFile, parse_registry


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
        return Path(api.hf_hub_download(repository, "registry.yaml", local_dir=here)).read_bytes()


def changes(before: RegistryFile, content: bytes) -> list[str]:
    """Return what the content of a new file changes, a line each; nothing if it is the same.

    Raises:
        IntegrityError: It cannot be read, is older, or changes what was published.
    """
    after = parse_registry(content, "the fetched registry")
    if after == before:
        return []
    if after.serial <= before.serial:
        raise IntegrityError(
            f"the fetched registry has serial {after.serial}; expected more than {before.serial}.",
            "The repository is behind this version of brainzoo, or was rolled back.",
        )
    if broken := broken_promises(before, after):
        more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
        raise IntegrityError(
            f"the fetched registry changes what was published: {broken[0]}{more}.",
            "Do not trust it; tell its maintainers.",
        )
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
