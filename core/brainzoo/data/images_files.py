"""The three files of a folder of images: read with care, and written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import IntegrityError

FORMAT = 1
BLOCK = 1 << 20


def read_info(folder: Path) -> dict[str, Any]:
    """Read ``images.json``.

    Raises:
        IntegrityError: It cannot be read, or is of another format.
    """
    try:
        info = json.loads((folder / "images.json").read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise IntegrityError(
            f"{folder} is corrupt: images.json cannot be read: {error}."
        ) from error
    if not isinstance(info, dict) or info.get("format") != FORMAT:
        found = info.get("format") if isinstance(info, dict) else type(info).__name__
        raise IntegrityError(
            f"{folder}: images.json is of format {found!r}; this version reads format {FORMAT}."
        )
    return info


def write_info(folder: Path, info: Mapping[str, Any], pixels_sha256: str) -> None:
    """Write ``images.json``, with the fingerprint of it, the table and the pixels."""
    full = {"format": FORMAT, **{k: v for k, v in info.items() if k != "fingerprint"}}
    full["fingerprint"] = fingerprint(folder, full, pixels_sha256)
    (folder / "images.json").write_text(
        json.dumps(full, indent=2, ensure_ascii=False, allow_nan=False), encoding="utf-8"
    )


def map_array(folder: Path, name: str = "pixels.npy") -> NDArray[Any]:
    """Map ``pixels.npy`` or ``labels.npy`` into memory without reading it.

    Raises:
        IntegrityError: It is not an array, or is cut short.
    """
    path = folder / name
    try:
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise IntegrityError(
            f"{folder} is corrupt: {name} cannot be read: {error}.",
            "Remove it and make it again.",
        ) from error
    if path.stat().st_size != pixels.offset + pixels.nbytes:
        raise IntegrityError(f"{folder} is corrupt: {name} has a wrong length.")
    return np.asarray(pixels)


def sha256_of(pixels: NDArray[Any]) -> str:
    """Return the SHA-256 of pixels, read a little at a time."""
    digest = hashlib.sha256()
    for start in range(0, len(pixels), 256):
        digest.update(np.ascontiguousarray(pixels[start : start + 256]).tobytes())
    return digest.hexdigest()


def fingerprint(folder: Path, info: Mapping[str, Any], pixels_sha256: str) -> str:
    """Return the SHA-256 of description, table and pixels."""
    # The request holds where the scans lay and when they were written: a key of the cache, not
    # content. Scans that were moved or touched give the same images.
    content = {k: v for k, v in info.items() if k not in ("fingerprint", "request")}
    described = json.dumps(content, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(f"{described}\n".encode())
    with (folder / "table.csv").open("rb") as table:
        while block := table.read(BLOCK):
            digest.update(block)
    digest.update(f"\n{pixels_sha256}".encode())
    return digest.hexdigest()
