"""Small folders of scans for the tests of datasets."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image

from brainzoo.data.subjects import Subject
from brainzoo.plugin.interfaces import Dataset


def volume_bytes(seed: int = 0) -> bytes:
    """Return a tiny .nii.gz."""
    data = np.random.default_rng(seed).integers(0, 255, (4, 5, 6), dtype=np.uint8)
    image = nibabel.Nifti1Image(data, np.eye(4))  # type: ignore[no-untyped-call]
    return gzip.compress(image.to_bytes(), mtime=0)


def make(root: Path, *names: str) -> Path:
    """Write tiny volumes (by their suffix: pictures, text) under the given names."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".nii.gz"):
            path.write_bytes(volume_bytes())
        elif name.endswith(".nii"):
            path.write_bytes(gzip.decompress(volume_bytes()))
        elif name.endswith(".npy"):
            np.save(path, np.zeros((4, 5)))
        elif name.endswith((".png", ".jpg", ".tif")):
            Image.new("L", (4, 5)).save(path)
        else:
            path.write_text("text")
    return root


def found(dataset: Dataset) -> list[Subject]:
    """Return all scans of a dataset, after the download."""
    dataset.download()
    return list(dataset.subjects())


def xls_bytes(rows: Sequence[Sequence[str | float | None]]) -> bytes:
    """Return a worksheet in Excel's oldest binary format (BIFF2), as xlrd reads it."""

    def record(kind: int, body: bytes) -> bytes:
        return struct.pack("<HH", kind, len(body)) + body

    out = record(0x0009, struct.pack("<HH", 2, 0x10))
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            place = struct.pack("<HH3x", r, c)
            if isinstance(cell, str):
                text = cell.encode("latin-1")
                out += record(0x0004, place + bytes([len(text)]) + text)
            elif cell is not None:
                out += record(0x0003, place + struct.pack("<d", cell))
    return out + record(0x000A, b"")
