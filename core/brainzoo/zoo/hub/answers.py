"""What a Hub answers about repositories, checked before it is used."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Listed:
    """One file of a commit as the Hub lists it.

    Attributes:
        name: Its path in the repository.
        size: Its length in bytes.
        sha256: Of its content, for files in large-file storage; else empty.
        git_sha1: Git's object name of its content, for the others; else empty.
    """

    name: str
    size: int
    sha256: str = ""
    git_sha1: str = ""


@dataclasses.dataclass(frozen=True)
class State:
    """What a repository holds: the last commit of its main branch, and the commits of its tags."""

    head: str | None
    tags: Mapping[str, str]


def listed(item: dict[str, Any]) -> Listed:
    """Return a file of a listing; ``ValueError`` and its like say that it makes no sense."""
    large = item.get("lfs")
    size = item["size"]
    if not isinstance(item["path"], str) or type(size) is not int or size < 0:
        raise ValueError
    if large is not None:
        return Listed(item["path"], size, sha256=digest(large["oid"], 64))
    return Listed(item["path"], size, git_sha1=digest(item["oid"], 40))


def digest(text: Any, length: int) -> str:
    """Return a text that is so many hexadecimal digits; ``ValueError`` if it is not."""
    if not isinstance(text, str) or not re.fullmatch(f"[0-9a-f]{{{length}}}", text):
        raise ValueError
    return text
