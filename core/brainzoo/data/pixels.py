"""How images lie on the disk: pixels written in a stream, a description, and a fingerprint."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import DataError, IntegrityError
from brainzoo.data.subjects import Value
from brainzoo.data.tables import Row

DTYPES = ("uint16", "uint8", "float32")
FORMAT = 1
AGAIN = "Remove it and make it again."


class ImagesWriter:
    """Appends images to ``pixels.npy`` as they come, and label maps; see ``Images.write``."""

    def __init__(
        self, folder: Path, shape: tuple[int, ...], dtype: str, label_dtype: str | None
    ) -> None:
        if dtype not in DTYPES:
            raise DataError(f"pixels cannot be stored as {dtype}; use one of {', '.join(DTYPES)}.")
        self.table: list[Row] = []
        self._pixels = _ArrayFile(folder / "pixels.npy", shape, dtype)
        labels = folder / "labels.npy"
        self._labels = _ArrayFile(labels, shape[1:], label_dtype) if label_dtype else None

    def append(
        self,
        pixels: NDArray[Any],
        rows: Sequence[Mapping[str, Value]],
        labels: NDArray[Any] | None = None,
    ) -> None:
        """Add images ``(image, channel, *spatial)`` of the stored dtype, or floats in [0, 1].

        Floats are clipped and scaled; an ``image_id`` is numbered if missing; label maps are
        ``(image, *spatial)``. What does not fit, or is not finite, is a DataError.
        """
        if (labels is None) != (self._labels is None):
            found, wanted = ("no", "some") if labels is None else ("some", "no")
            raise DataError(f"found {found} label maps; expected {wanted}.")
        if pixels.dtype.kind == "f":
            pixels = from_floats(pixels, self._pixels.dtype)
        self._pixels.check(pixels, len(rows), "images")
        if pixels.dtype != self._pixels.dtype:
            raise DataError(
                f"found pixels of {pixels.dtype}; expected {self._pixels.dtype} or floats."
            )
        if self._labels is not None and labels is not None:
            self._labels.check(labels, len(rows), "label maps")
            most = np.iinfo(self._labels.dtype).max
            if labels.size and not 0 <= labels.min() <= labels.max() <= most:
                raise DataError(f"found labels up to {labels.max()}; expected 0 to {most}.")
            self._labels.write(labels)
        self._pixels.write(pixels)
        for row in rows:
            self.table.append({"image_id": f"{len(self.table):06d}", **row})

    def finish(self) -> str:
        """Write the final headers; return the SHA-256 of the pixels and labels."""
        pixels = self._pixels.finish(len(self.table))
        labels = self._labels and self._labels.finish(len(self.table))
        return content_of(pixels, labels) if labels else pixels

    def close(self) -> None:
        """Close the files."""
        self._pixels.file.close()
        if self._labels is not None:
            self._labels.file.close()


class _ArrayFile:
    """A ``.npy`` file that grows."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: str) -> None:
        self.file, self._shape = path.open("wb"), shape
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self._digest = hashlib.sha256()
        self._header_size = self.file.write(header(0, shape, self.dtype))

    def check(self, values: NDArray[Any], count: int, what: str) -> None:
        if values.shape != (count, *self._shape):
            raise DataError(
                f"found {what} of shape {values.shape} with {count} rows; expected "
                f"{(count, *self._shape)}."
            )

    def write(self, values: NDArray[Any]) -> None:
        content = np.ascontiguousarray(values, dtype=self.dtype).tobytes()
        self._digest.update(content)
        self.file.write(content)

    def finish(self, count: int) -> str:
        final = header(count, self._shape, self.dtype)
        if len(final) != self._header_size:
            raise DataError("the array header outgrew its place; too many images for one folder.")
        self.file.seek(0)
        self.file.write(final)
        return self._digest.hexdigest()


def content_of(pixels_sha256: str, labels_sha256: str) -> str:
    """Return one SHA-256 for pixels and label maps together."""
    return hashlib.sha256(f"{pixels_sha256}\n{labels_sha256}".encode()).hexdigest()


def header(count: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """Return what ``pixels.npy`` begins with, for images of a shape ``(channel, *spatial)``."""
    out = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(dtype)
    described = {"descr": descr, "fortran_order": False, "shape": (count, *shape)}
    np.lib.format.write_array_header_1_0(out, described)
    return out.getvalue()


def to_floats(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Scale stored pixels to float32 in [0, 1]."""
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float32, copy=False)
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def from_floats(pixels: NDArray[Any], dtype: np.dtype[Any] | str) -> NDArray[Any]:
    """Clip floats to [0, 1] and scale them to a stored dtype.

    Raises:
        DataError: A pixel is NaN or infinite.
    """
    if not np.isfinite(pixels).all():
        raise DataError("found pixels that are NaN or infinite; expected numbers in [0, 1].")
    clipped: NDArray[Any] = np.clip(pixels, 0, 1)
    kind = np.dtype(dtype)
    if kind.kind != "f":
        clipped = np.rint(clipped * np.iinfo(kind).max)
    stored: NDArray[Any] = clipped.astype(kind)
    return stored


def read_info(folder: Path) -> dict[str, Any]:
    """Read ``images.json``, or raise an IntegrityError."""
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
    """Map ``pixels.npy`` or ``labels.npy`` into memory, or raise an IntegrityError."""
    path = folder / name
    try:
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise IntegrityError(
            f"{folder} is corrupt: {name} cannot be read: {error}.", AGAIN
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
    digest.update((folder / "table.csv").read_bytes())
    digest.update(f"\n{pixels_sha256}".encode())
    return digest.hexdigest()
