"""How images lie on the disk: pixels written in a stream, a description, and a fingerprint."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import DataError, IntegrityError, NotFoundError
from brainzoo.common.files import new_folder
from brainzoo.data.subjects import Value
from brainzoo.data.tables import Row, read_table, table_text

DTYPES = ("uint16", "uint8", "float32")
FORMAT = 1
ARRAYS = ("pixels.npy", "labels.npy")
AGAIN = "Remove it and make it again."


class ArrayFile:
    """A ``.npy`` file ``(image, *shape)`` that is written in any order, by any process."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: str) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype).newbyteorder("<")
        self._path = path
        self._first = len(self._header(0))  # whatever the count: numpy leaves room for it
        self._bytes = self.dtype.itemsize * math.prod(shape)

    def _header(self, count: int) -> bytes:
        out = io.BytesIO()
        descr = np.lib.format.dtype_to_descr(self.dtype)
        described = {"descr": descr, "fortran_order": False, "shape": (count, *self.shape)}
        np.lib.format.write_array_header_1_0(out, described)
        return out.getvalue()

    def missing(self, count: int) -> int:
        """Return how many bytes of the disk it still needs to hold so many images."""
        self._path.touch()
        return self._first + count * self._bytes - 512 * self._path.stat().st_blocks

    def resize(self, count: int) -> None:
        """Let it hold so many images, zeros where nothing was written."""
        self._path.touch()
        with self._path.open("r+b") as file:
            file.write(self._header(count))
            file.truncate(self._first + count * self._bytes)

    def write(self, start: int, values: NDArray[Any]) -> None:
        """Write images to their place."""
        with self._path.open("r+b") as file:
            file.seek(self._first + start * self._bytes)
            file.write(np.ascontiguousarray(values, dtype=self.dtype).tobytes())


class ImagesWriter:
    """Appends images to ``pixels.npy`` as they come, and label maps; see ``Images.write``."""

    def __init__(
        self, folder: Path, shape: tuple[int, ...], dtype: str, label_dtype: str | None
    ) -> None:
        if dtype not in DTYPES:
            raise DataError(f"pixels cannot be stored as {dtype}; use one of {', '.join(DTYPES)}.")
        self.table: list[Row] = []
        self._files = {"images": ArrayFile(folder / "pixels.npy", shape, dtype)}
        if label_dtype:
            self._files["label maps"] = ArrayFile(folder / "labels.npy", shape[1:], label_dtype)
        self.resize()

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
        given = {"images": pixels, **({} if labels is None else {"label maps": labels})}
        if given.keys() != self._files.keys():
            found, wanted = ("no", "some") if labels is None else ("some", "no")
            raise DataError(f"found {found} label maps; expected {wanted}.")
        stored = self._files["images"].dtype
        if pixels.dtype.kind == "f":
            given["images"] = from_floats(pixels, stored)
        elif pixels.dtype != stored:
            raise DataError(f"found pixels of {pixels.dtype}; expected {stored} or floats.")
        for what, values in given.items():
            shape = (len(rows), *self._files[what].shape)
            if values.shape != shape:
                raise DataError(
                    f"found {what} of shape {values.shape} with {len(rows)} rows; expected {shape}."
                )
        if labels is not None and labels.size:
            most = np.iinfo(self._files["label maps"].dtype).max
            if not 0 <= labels.min() <= labels.max() <= most:
                raise DataError(f"found labels up to {labels.max()}; expected 0 to {most}.")
        for what, values in given.items():
            self._files[what].write(len(self.table), values)
        for row in rows:
            self.table.append({"image_id": f"{len(self.table):06d}", **row})

    def resize(self) -> None:
        """Let the files say how many images they hold."""
        for file in self._files.values():
            file.resize(len(self.table))


def to_floats(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Scale stored pixels to float32 in [0, 1]."""
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float32, copy=False)
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def from_floats(pixels: NDArray[Any], dtype: np.dtype[Any] | str) -> NDArray[Any]:
    """Clip floats to [0, 1] and scale them to a stored dtype; NaN and infinity are a DataError."""
    if not np.isfinite(pixels).all():
        raise DataError("found pixels that are NaN or infinite; expected numbers in [0, 1].")
    clipped: NDArray[Any] = np.clip(pixels, 0, 1)
    kind = np.dtype(dtype)
    if kind.kind != "f":
        clipped = np.rint(clipped * np.iinfo(kind).max)
    stored: NDArray[Any] = clipped.astype(kind)
    return stored


Stored = tuple[NDArray[Any], list[Row], dict[str, Any], NDArray[Any] | None]
"""Pixels, table, description and label maps."""


def read_folder(folder: Path) -> Stored:
    """Map the arrays of a folder into memory, and read the rest; see :meth:`Images.open`."""
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}.")
    present = [n for n in ("pixels.npy", "table.csv", "images.json") if (folder / n).is_file()]
    if not present:
        raise NotFoundError(f"{folder} holds no images (no pixels.npy, table.csv, images.json).")
    if len(present) < 3:
        raise IntegrityError(
            f"{folder} is half-written: it holds only {', '.join(present)}.", AGAIN
        )
    name = "images.json"
    try:
        info = json.loads((folder / name).read_text(encoding="utf-8"))
        found = info.get("format") if isinstance(info, dict) else type(info).__name__
        if found != FORMAT:
            raise ValueError(f"it is of format {found}; this version reads format {FORMAT}")
        name = "table.csv"
        pixels = map_array(folder, "pixels.npy")
        table = read_table(folder / name) if len(pixels) else []
    except (ValueError, OSError, DataError) as error:
        raise IntegrityError(f"{folder} is corrupt: {name} cannot be read: {error}") from error
    return pixels, table, info, map_array(folder, "labels.npy") if "labels" in info else None


@contextmanager
def write_images(
    folder: Path | str,
    spatial: Sequence[int],
    info: Mapping[str, Any],
    channels: int = 1,
    dtype: str = "uint16",
    *,
    label_dtype: str | None = None,
) -> Iterator[ImagesWriter]:
    """Open a writer that takes images in a stream; the folder appears when the block ends.

    Label maps are written only with a ``label_dtype``. An existing folder is an ExistsError; of a
    full disk nothing is left behind.
    """
    with new_folder(Path(folder)) as temporary:
        writer = ImagesWriter(temporary, (channels, *spatial), dtype, label_dtype)
        yield writer
        writer.resize()
        (temporary / "table.csv").write_text(table_text(writer.table), encoding="utf-8")
        write_info(temporary, info)


def write_info(folder: Path, info: Mapping[str, Any]) -> None:
    """Write ``images.json``, with the fingerprint of it, of the table and the arrays."""
    full = {"format": FORMAT, **{k: v for k, v in info.items() if k != "fingerprint"}}
    full["fingerprint"] = fingerprint(folder, full)
    (folder / "images.json").write_text(
        json.dumps(full, indent=2, ensure_ascii=False, allow_nan=False), encoding="utf-8"
    )


def map_array(folder: Path, name: str) -> NDArray[Any]:
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


def fingerprint(folder: Path, info: Mapping[str, Any]) -> str:
    """Return the SHA-256 of description, table, pixels and label maps."""
    # The request holds where the scans lay and when they were written: a key of the cache, not
    # content. Scans that were moved or touched give the same images.
    content = {k: v for k, v in info.items() if k not in ("fingerprint", "request")}
    described = json.dumps(content, sort_keys=True, ensure_ascii=False)
    arrays = [sha256(folder, name) for name in ARRAYS if (folder / name).is_file()]
    both = hashlib.sha256("\n".join(arrays).encode()).hexdigest()
    whole = arrays[0] if len(arrays) == 1 else both
    digest = hashlib.sha256(f"{described}\n".encode())
    digest.update((folder / "table.csv").read_bytes())
    digest.update(f"\n{whole}".encode())
    return digest.hexdigest()


def sha256(folder: Path, name: str, start: int = 0, stop: int | None = None) -> str:
    """Return the SHA-256 of an array of a folder, or of the images from ``start`` to ``stop``."""
    path, values, digest = folder / name, map_array(folder, name), hashlib.sha256()
    each = values.nbytes // max(1, len(values))
    left = (len(values) if stop is None else stop) * each - start * each
    with path.open("rb") as file:  # pages of a map would count as memory of this process
        file.seek(path.stat().st_size - values.nbytes + start * each)
        while left > 0 and (block := file.read(min(left, 2**20))):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()
