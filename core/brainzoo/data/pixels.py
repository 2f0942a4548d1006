"""Pixels as stored: in which types, written to ``pixels.npy`` in a stream, and as floats."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import DataError
from brainzoo.data.subjects import Value
from brainzoo.data.tables import Row

DTYPES = ("uint16", "uint8", "float32")


class ImagesWriter:
    """Appends images to ``pixels.npy`` as they come, and label maps; see ``Images.write``."""

    def __init__(
        self,
        file: BinaryIO,
        shape: tuple[int, ...],
        dtype: str,
        label_file: BinaryIO | None = None,
        label_dtype: str = "uint8",
    ) -> None:
        if dtype not in DTYPES:
            raise DataError(f"pixels cannot be stored as {dtype}; use one of {', '.join(DTYPES)}.")
        self._shape = shape
        self._pixels = _ArrayFile(file, shape, dtype)
        self._labels = _ArrayFile(label_file, shape[1:], label_dtype) if label_file else None
        self.table: list[Row] = []

    def append(
        self,
        pixels: NDArray[Any],
        rows: Sequence[Mapping[str, Value]],
        labels: NDArray[Any] | None = None,
    ) -> None:
        """Add images.

        Args:
            pixels: ``(image, channel, *spatial)`` of the stored dtype, or floats in [0, 1], which
                are clipped and scaled to it.
            rows: A table row per image; ``image_id`` is numbered if missing.
            labels: ``(image, *spatial)``, if the images have label maps.

        Raises:
            DataError: The shape is another one, pixels are not finite, or labels do not fit.
        """
        if pixels.shape[1:] != self._shape or len(pixels) != len(rows):
            raise DataError(
                f"found images of shape {pixels.shape} with {len(rows)} rows; expected "
                f"{(len(rows), *self._shape)}."
            )
        if (labels is None) != (self._labels is None):
            found, wanted = ("no", "some") if labels is None else ("some", "no")
            raise DataError(f"found {found} label maps; expected {wanted}.")
        if pixels.dtype.kind == "f":
            pixels = from_floats(pixels, self._pixels.dtype)
        if pixels.dtype != self._pixels.dtype:
            raise DataError(
                f"found pixels of {pixels.dtype}; expected {self._pixels.dtype} or floats."
            )
        if self._labels is not None and labels is not None:
            if labels.shape != (len(pixels), *self._shape[1:]):
                raise DataError(
                    f"found label maps of shape {labels.shape}; expected "
                    f"{(len(pixels), *self._shape[1:])}."
                )
            most = np.iinfo(self._labels.dtype).max
            if labels.size and not 0 <= labels.min() <= labels.max() <= most:
                raise DataError(f"found labels up to {labels.max()}; expected 0 to {most}.")
            self._labels.write(labels)
        self._pixels.write(pixels)
        for row in rows:
            self.table.append({"image_id": f"{len(self.table):06d}", **row})

    def finish(self) -> str:
        """Write the final headers and return the SHA-256 of the pixels and labels."""
        digest = self._pixels.finish(len(self.table))
        if self._labels is not None:
            digest = content_of(digest, self._labels.finish(len(self.table)))
        return digest


class _ArrayFile:
    """A ``.npy`` file that grows."""

    def __init__(self, file: BinaryIO, shape: tuple[int, ...], dtype: str) -> None:
        self._file, self._shape = file, shape
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self._digest = hashlib.sha256()
        self._header_size = file.write(header(0, shape, self.dtype))

    def write(self, values: NDArray[Any]) -> None:
        content = np.ascontiguousarray(values, dtype=self.dtype).tobytes()
        self._digest.update(content)
        self._file.write(content)

    def finish(self, count: int) -> str:
        final = header(count, self._shape, self.dtype)
        if len(final) != self._header_size:
            raise DataError("the array header outgrew its place; too many images for one folder.")
        self._file.seek(0)
        self._file.write(final)
        return self._digest.hexdigest()


def content_of(pixels_sha256: str, labels_sha256: str) -> str:
    """Return one SHA-256 for pixels and label maps together."""
    return hashlib.sha256(f"{pixels_sha256}\n{labels_sha256}".encode()).hexdigest()


def header(count: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """Return what ``pixels.npy`` begins with.

    Args:
        count: How many images it holds.
        shape: ``(channel, *spatial)`` of each.
        dtype: As stored, little endian.
    """
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        out,
        {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": (count, *shape),
        },
    )
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
