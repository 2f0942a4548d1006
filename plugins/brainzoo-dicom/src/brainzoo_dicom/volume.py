"""Reads the pixels of a series as one volume."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels.decoders.base import get_decoder

from brainzoo.api import DataError, Volume
from brainzoo_dicom.quiet import quiet
from brainzoo_dicom.series import Stack

COMPRESSED = "Install what reads it: pip install 'brainzoo-dicom[compressed]'"
TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From DICOM's patient axes (left, posterior, top) to RAS+."""


@dataclasses.dataclass(frozen=True)
class Piece:
    """Where one slice is stored, and how its numbers become values."""

    path: Path
    frame: int
    tile: int
    instance: int
    slope: float
    intercept: float


@dataclasses.dataclass(frozen=True)
class SeriesVolume:
    """Reads a series when it is called; holds places of files, and nothing of their headers.

    Attributes:
        name: How errors name the series: never by its description or files, which may name a
            person.
        pieces: The slices in order.
        shape: (rows, columns) of each.
        affine: Rows of a 4 × 4 matrix, from (column, row, slice) to RAS+ millimetres.
        problem: Why it makes no volume, if it makes none.
    """

    name: str
    pieces: tuple[Piece, ...]
    shape: tuple[int, int]
    affine: tuple[tuple[float, ...], ...]
    problem: str = ""

    def __call__(self) -> Volume:
        """Read all slices.

        Raises:
            DataError: The series makes no volume, a file is truncated or damaged, or it is
                compressed in a way that nothing installed reads.
        """
        if self.problem:
            raise DataError(f"{self.name} {self.problem}.")
        files: dict[Path, list[int]] = {}
        for i, piece in enumerate(self.pieces):
            files.setdefault(piece.path, []).append(i)
        scaled = any((piece.slope, piece.intercept) != (1, 0) for piece in self.pieces)
        slices: list[NDArray[Any]] = [np.zeros(0)] * len(self.pieces)
        for path, indices in files.items():
            pixels = self._pixels(path, self.pieces[indices[0]])
            for i in indices:
                piece = self.pieces[i]
                values = pixels[max(piece.frame, 0)] if pixels.ndim == 3 else pixels
                values = _tile(values, piece.tile, self.shape)
                if values.shape != self.shape:
                    raise DataError(f"{self.name} has slices of different sizes.")
                if scaled:
                    values = values.astype(np.float32) * np.float32(piece.slope)
                    values = values + np.float32(piece.intercept)
                slices[i] = values.T
        data = np.stack(slices, axis=2)
        if data.min() == data.max():
            raise DataError(f"{self.name} holds the same value in every voxel; expected a scan.")
        return Volume(data, np.asarray(self.affine, np.float64))

    def _pixels(self, path: Path, piece: Piece) -> NDArray[Any]:
        """Return the pixels of a file, (rows, columns) or (frame, rows, columns)."""
        what = f"{self.name}: image {piece.instance}"
        with quiet():
            try:
                found = pydicom.dcmread(path, force=True)
                syntax = found.file_meta.get("TransferSyntaxUID") or "1.2.840.10008.1.2"
                found.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
                _check_whole(found, what)
                readable = not found.file_meta.TransferSyntaxUID.is_compressed or (
                    get_decoder(found.file_meta.TransferSyntaxUID).is_available
                )
                if not readable:
                    kind = found.file_meta.TransferSyntaxUID.name
                    raise DataError(f"{self.name} is compressed ({kind}).", COMPRESSED)
                pixels = np.asarray(found.pixel_array)
                if found.PhotometricInterpretation == "MONOCHROME1":
                    pixels = _inverted(pixels, found)
            except DataError:
                raise
            except MemoryError:
                raise DataError(
                    f"{self.name} is too large for the memory of this machine."
                ) from None
            except Exception as error:  # its text may hold values of the header
                kind = type(error).__name__
                raise DataError(f"{what} is damaged and cannot be read ({kind}).") from None
        return np.asarray(pixels)


def _check_whole(found: pydicom.FileDataset, what: str) -> None:
    """Refuse a file that ends within its pixels."""
    if "PixelData" not in found and "FloatPixelData" not in found:
        raise DataError(
            f"{what} is truncated: it has no pixels.", "Copy it from the archive again."
        )
    if "PixelData" not in found or found.file_meta.TransferSyntaxUID.is_compressed:
        return
    frames = int(found.get("NumberOfFrames") or 1)
    wanted = frames * int(found.Rows) * int(found.Columns) * int(found.BitsAllocated) // 8
    if len(found.PixelData) < wanted:
        raise DataError(
            f"{what} is truncated: {len(found.PixelData):,} bytes of pixels, expected {wanted:,}.",
            "Copy it from the archive again.",
        )


def _inverted(pixels: NDArray[Any], found: pydicom.FileDataset) -> NDArray[Any]:
    """Return pixels of which the lowest is white as those of which the highest is."""
    if found.PixelRepresentation:
        return np.asarray(-1 - pixels)
    most = 2 ** int(found.BitsStored) - 1
    return np.asarray(most - pixels.astype(np.int64), pixels.dtype)


def _tile(values: NDArray[Any], tile: int, shape: tuple[int, int]) -> NDArray[Any]:
    if tile < 0:
        return values
    row, column = divmod(tile, values.shape[1] // shape[1])
    top, left = row * shape[0], column * shape[1]
    return values[top : top + shape[0], left : left + shape[1]]


def volume_of(stack: Stack, name: str) -> SeriesVolume:
    """Return what reads a stack.

    The affine follows PS3.3 C.7.6.2.1.1: columns lie along the first direction of a row, slices
    from the first position to the last.
    """
    slices = stack.slices
    first, last = slices[0], slices[-1]
    affine = np.eye(4)
    affine[:3, 0] = np.asarray(first.along_row) * first.spacing[1]
    affine[:3, 1] = np.asarray(first.along_column) * first.spacing[0]
    step = np.subtract(last.position, first.position) / max(len(slices) - 1, 1)
    affine[:3, 2], affine[:3, 3] = step, first.position
    rows = (TO_RAS @ affine).tolist()
    pieces = tuple(
        Piece(one.path, one.frame, one.tile, one.instance, one.slope, one.intercept)
        for one in slices
    )
    return SeriesVolume(name, pieces, first.shape, tuple(tuple(row) for row in rows), stack.problem)
