"""Volumes: NIfTI in and out, fast and checked.

A compressed file is decompressed whole by libdeflate, which halves the time of zlib; its header is
read first and says how large the content may be.
"""

from __future__ import annotations

import dataclasses
import gzip
import io
import math
import zlib
from pathlib import Path
from typing import Any

import deflate
import nibabel
import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import DataError
from brainzoo.common.files import write_bytes

MAX_BYTES = 4 * 2**30
"""The largest voxel array that is read; a whole-body scan at 0.5 mm has a quarter of it."""

SPACING_MM = (0.05, 20.0)  # the sizes of a voxel that are believed

_nibabel: Any = nibabel  # typed in part only
_HeaderError: Any = _nibabel.spatialimages.HeaderDataError
_HEADER_BYTES = 540  # of NIfTI-2; NIfTI-1 has 348


@dataclasses.dataclass(frozen=True)
class Volume:
    """A scan in memory: ``(x, y, z)`` as stored, in any order and direction, integer or float32.

    The affine is 4 × 4, from voxel indices to RAS+ millimetres; ``warnings`` are one line each.
    """

    data: NDArray[Any]
    affine: NDArray[np.float64]
    warnings: tuple[str, ...] = ()

    @staticmethod
    def read(path: Path | str) -> Volume:
        """Read and check a file; see :func:`read_volume`."""
        return read_volume(path)

    @property
    def spacing_mm(self) -> list[float]:
        """The voxel's edge lengths along the three array axes."""
        return [float(edge) for edge in np.linalg.norm(self.affine[:3, :3], axis=0)]


def read_volume(path: Path | str, *, index: int | None = None) -> Volume:
    """Read a NIfTI-1, NIfTI-2 or FreeSurfer (.mgh, .mgz) file and check what it holds.

    Slope and intercept of the header are applied. float64 becomes float32. Of a compressed file
    every checksum is checked. ``index`` chooses a volume of a file that may hold several.

    Raises:
        DataError: The file cannot be read, is damaged, holds several volumes, colours, nothing but
            one value, NaN or infinite voxels, or an affine that cannot be true.
    """
    path = Path(path)
    try:
        file = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    try:
        compressed = file[:2] == b"\x1f\x8b"
        start = _inflate(file[:100_000], _HEADER_BYTES) if compressed else file[:_HEADER_BYTES]
        header = _header(start, path.name.lower().endswith((".mgz", ".mgh")))
        with np.errstate(all="ignore"):  # absurd numbers are refused by their results
            shape, dtype, first, stop = _layout(header, index)
            content = _decompress(file, stop) if compressed else file
            if len(content) < stop:
                raise DataError(
                    f"it is truncated: found {len(content):,} bytes, its header announces "
                    f"{stop:,}.",
                    _AGAIN,
                )
            stored = np.frombuffer(content, dtype, math.prod(shape), first)
            data = _scaled(stored.reshape(shape, order="F"), header)
            _check_values(data)
            affine, warnings = _affine(header)
    except DataError as error:
        message = error.message.removeprefix("it ")
        raise DataError(f"{path.name} {message}", error.hint) from error
    return Volume(data, affine, warnings)


def write_nifti(path: Path, volume: Volume, *, description: str = "", synced: bool = True) -> None:
    """Write a volume as NIfTI-1, atomically; the same volume gives the same bytes.

    The header carries shape, spacing in millimetres, the affine as sform and qform, and at most 79
    characters of description; none of the fields that could identify anybody. bool, float64 and
    long integers are stored as uint8, float32 and int32; what has no place in NIfTI-1 is a
    DataError. ``synced`` as in :func:`brainzoo.common.files.write_bytes`.
    """
    stored = {"bool": "uint8", "float64": "float32", "float16": "float32", "int64": "int32"}
    data = volume.data.astype(stored.get(str(volume.data.dtype), volume.data.dtype), copy=False)
    try:
        image = _nibabel.Nifti1Image(data, volume.affine)
    except (_HeaderError, ValueError) as error:
        raise DataError(f"{path.name} cannot be written as NIfTI: {error}.") from error
    image.set_sform(volume.affine, code=1)
    image.set_qform(volume.affine, code=1)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description.encode("ascii", "replace")[:79]
    content = image.to_bytes()
    if path.suffix == ".gz":
        content = bytes(deflate.gzip_compress(content, 6))
    write_bytes(path, content, synced=synced)


def _inflate(content: bytes, most: int) -> bytes:
    """Decompress the first bytes of a gzip file."""
    try:
        return zlib.decompressobj(31).decompress(content, most)
    except zlib.error as error:
        raise DataError(f"it is not an intact gzip file: {error}.", _AGAIN) from error


def _decompress(content: bytes, size: int) -> bytes | bytearray:
    """Decompress a gzip file of which ``size`` bytes are wanted; may return fewer or more."""
    if size > 1100 * len(content):  # deflate cannot do better than 1032 : 1
        raise DataError(
            f"it is truncated: {len(content):,} compressed bytes cannot hold the {size:,} that its "
            "header announces.",
            _AGAIN,
        )
    # The trailer's length is true for one member below 4 GiB; anything else goes the slow way.
    if int.from_bytes(content[-4:], "little") == size:
        try:
            unpacked: bytearray = deflate.gzip_decompress(content)
            return unpacked
        except (deflate.DeflateError, ValueError, MemoryError):
            pass
    found = b""
    with gzip.open(io.BytesIO(content)) as file:
        try:
            found = file.read(size)
            file.read(_MOST_BEYOND)
        except EOFError as error:
            raise DataError("it is truncated: its gzip stream does not end.", _AGAIN) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            if "Not a gzipped file" not in str(error):  # bytes after the end do no harm
                raise DataError(f"it is damaged: {error}.", _AGAIN) from error
    return found


_MOST_BEYOND = 2**28  # bytes behind the voxels that are read for the checksum's sake
_AGAIN = "Copy or download it again."


def _header(start: bytes, freesurfer: bool) -> Any:
    """Parse the header of a NIfTI or FreeSurfer file from its first bytes."""
    size = {int.from_bytes(start[:4], order) for order in ("little", "big")}
    if freesurfer and start[:4] == b"\0\0\0\1" and len(start) >= 284:
        return _nibabel.freesurfer.mghformat.MGHHeader(start[:284], check=False)
    if freesurfer:
        raise DataError("it is not a file of FreeSurfer.", "Convert it with mri_convert.")
    if 348 in size and start[344:348] == b"n+1\0":
        return _nibabel.Nifti1Header(start[:348], check=False)
    if 540 in size and len(start) >= 540 and start[4:8] == b"n+2\0":
        return _nibabel.Nifti2Header(start[:540], check=False)
    raise DataError(
        "it is not a single-file NIfTI: its header lacks the mark 'n+1' or 'n+2'.",
        "Convert it first, for example with dcm2niix.",
    )


def _layout(header: Any, index: int | None) -> tuple[tuple[int, ...], np.dtype[Any], int, int]:
    """Return the shape (x, y, z), the dtype and where the voxels start and stop in the file."""
    try:
        shape = tuple(int(n) for n in header.get_data_shape())
        dtype, offset = header.get_data_dtype(), int(header.get_data_offset())
        if not 2 <= len(shape) <= 7 or min(shape) < 1 or not 0 <= offset < 2**31:
            raise ValueError(f"dimensions {shape}, voxels from byte {offset}")
    except (_HeaderError, ValueError, KeyError, OverflowError) as error:
        raise DataError(f"it has an impossible header: {error}.") from error
    if dtype.kind not in "iuf":
        kind = "complex numbers" if dtype.kind == "c" else f"voxels of type {dtype}"
        raise DataError(f"it holds {kind}; expected one grey value per voxel.")
    volumes = math.prod(shape[3:])
    if volumes <= (index or 0) or (index is None and volumes > 1):
        wanted = "one of 3 dimensions" if index is None else f"at least {index + 1}"
        raise DataError(
            f"it holds {volumes} volumes ({' × '.join(map(str, shape))}); expected {wanted}.",
            "Choose or average one volume first; channels of the Decathlon: --data nnunet.",
        )
    shape = (*shape, 1)[:3]
    size = math.prod(shape) * dtype.itemsize
    start = offset + (index or 0) * size
    if start + size > MAX_BYTES:
        raise DataError(
            f"it announces {(start + size) / 2**30:.0f} GiB of voxels; at most "
            f"{MAX_BYTES // 2**30} are read."
        )
    return shape, dtype, start, start + size


def _scaled(data: NDArray[Any], header: Any) -> NDArray[Any]:
    """Return native integers or float32 with the header's slope and intercept applied."""
    slope, intercept = header.get_slope_inter()
    plain = slope is None or (slope, intercept) == (1, 0)
    if data.dtype.kind == "f" or data.dtype.itemsize == 8 or not plain:
        data = data.astype(np.float32, copy=False)
    if not plain:
        data = data * np.float32(slope) + np.float32(intercept)
    return data.astype(data.dtype.newbyteorder("="), copy=False)


def _check_values(data: NDArray[Any]) -> None:
    """Refuse NaN, infinite and constant voxels; the extremes of an array carry all three."""
    low, high = data.min(), data.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = data.size - int(np.isfinite(data).sum())
        raise DataError(
            f"it has {bad:,} of {data.size:,} voxels that are NaN or infinite; expected numbers.",
            "Replace them, or leave the scan out.",
        )
    if low == high:
        what = "only zeros" if low == 0 else f"the same value, {low:g}, in every voxel"
        raise DataError(f"it holds {what}; expected a scan.", "Copy or download it again.")


def _affine(header: Any) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the affine of the header, checked, and warnings about it."""
    if not hasattr(header, "get_qform"):  # of FreeSurfer, whose headers say it once
        return np.asarray(header.get_best_affine(), np.float64), ()
    warnings: list[str] = []
    pixdim = np.abs(np.asarray(header["pixdim"][1:4], dtype=np.float64))
    coded = int(header["sform_code"]) > 0, int(header["qform_code"]) > 0
    try:
        if np.isfinite(header["pixdim"][0]):  # 0 and any positive number mean 1
            header["pixdim"][0] = -1 if header["pixdim"][0] < 0 else 1
        if not any(coded):
            warnings.append("neither sform nor qform: orientation assumed from the voxel order")
        affine = header.get_best_affine() if any(coded) else np.diag([*pixdim, 1.0])
        affine = np.asarray(affine, dtype=np.float64)
    except (_HeaderError, ValueError, FloatingPointError) as error:
        raise _wrong(f"{error}") from error
    if not np.isfinite(affine).all():
        raise _wrong("it holds NaN or infinite numbers")
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if spacing.min() < SPACING_MM[0] or spacing.max() > SPACING_MM[1]:
        raise _wrong(
            f"voxels of {_times(spacing)} mm; expected {SPACING_MM[0]:g} to {SPACING_MM[1]:g}"
        )
    if all(coded):
        warnings += _disagreement(affine, header)
    if abs(np.linalg.det(affine[:3, :3] / spacing)) < 0.1:
        raise _wrong("its axes fall together")
    if np.isfinite(pixdim).all() and (np.abs(pixdim / spacing - 1) > 0.1).any():
        warnings.append(
            f"the affine says voxels of {_times(spacing)} mm, the header's pixdim "
            f"{_times(pixdim)}; using the affine"
        )
    return affine, tuple(warnings)


def _times(lengths: NDArray[np.float64]) -> str:
    return " × ".join(f"{length:.3g}" for length in lengths)


def _wrong(why: str) -> DataError:
    return DataError(f"it has a wrong affine: {why}.", "Correct the header, or leave the scan out.")


def _disagreement(sform: NDArray[np.float64], header: Any) -> list[str]:
    """Return a warning if sform and qform say different things about left and right."""
    try:
        qform = np.asarray(header.get_qform(), dtype=np.float64)
        codes = [_nibabel.aff2axcodes(affine) for affine in (sform, qform)]
    except (_HeaderError, ValueError, np.linalg.LinAlgError):
        return []
    if codes[0] == codes[1] or any(code is None for axes in codes for code in axes):
        return []
    s, q = ("".join(axes) for axes in codes)
    sides = [[(i, side) for i, side in enumerate(text) if side in "LR"] for text in (s, q)]
    where = " about left and right" if sides[0] != sides[1] else ""
    return [f"sform ({s}) and qform ({q}) disagree{where}; using the sform"]
