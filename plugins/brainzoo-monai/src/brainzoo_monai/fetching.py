"""The files of a bundle, brought from where their owners publish them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from brainzoo.api import NotFoundError, download
from brainzoo_monai.bundle import validated

_PART = r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}"


class Original(BaseModel):
    """One file of a bundle: on the Hub, or at a url.

    ``path`` is its place in the repository, and in the folder that is converted. Without a
    ``revision`` the newest commit is taken. ``md5`` is for owners who state this digest; a ``url``
    needs the ``sha256``.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    path: Annotated[str, Field(pattern=f"^{_PART}(?:/{_PART})*$")]
    hub: Annotated[str, Field(pattern=f"^{_PART}/{_PART}$")] | None = None
    url: Annotated[str, Field(pattern="^https?://[!-~]{1,500}$")] | None = None
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    md5: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.hub is None) == (self.url is None):
            raise ValueError(f"{self.path} needs either hub or url")
        if self.url and not self.sha256:
            raise ValueError(f"{self.path} of a url needs its sha256")
        return self


def fetched(plain: Mapping[str, Any], folder: Path, hub: Any) -> dict[str, str]:
    """Bring one file into a folder, and return its address with the commit, and its digest.

    Args:
        plain: An :class:`Original`, as the registry has it.
        folder: Where the bundle is put together.
        hub: The Hub that ``brainzoo pull`` asks.

    Raises:
        NotFoundError: The repository lacks it.
        NetworkError: It cannot be reached.
        IntegrityError: It is not what it must be; it is deleted.
    """
    original: Original = validated(Original, plain, "the registry's entry")
    path = folder / original.path
    if original.url:
        remote = download.Remote(
            path.name, (original.url,), original.md5 or "", original.sha256 or ""
        )
        download.download(remote, path.parent)
        return {"address": original.url, "sha256": original.sha256 or ""}
    commit, listed = hub.listed(original.hub, original.revision or "main")
    if original.path not in listed:
        raise NotFoundError(
            f"hf:{original.hub}@{commit} lacks {original.path}.", "Its owners may have moved it."
        )

    def wrong(path: Path) -> str:
        for name, wanted in (("sha256", original.sha256), ("md5", original.md5)):
            if wanted and (found := _digest(path, name)) != wanted:
                return f"its {name} is {found}; expected {wanted}"
        return str(hub.differs(path, listed[original.path]))

    if not path.is_file() or wrong(path):
        hub.bring(original.hub, commit, original.path, folder, wrong)
    address = f"hf:{original.hub}@{commit}/{original.path}"
    return {"address": address, "sha256": _digest(path, "sha256")}


def _digest(path: Path, name: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.new(name, usedforsecurity=False)
        ).hexdigest()
