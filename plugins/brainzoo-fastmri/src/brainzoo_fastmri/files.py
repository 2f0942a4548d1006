"""One file of fastMRI: whose it is, what it shows, and its volume.

The layout: https://github.com/facebookresearch/fastMRI, "File structure"; the header:
https://ismrmrd.readthedocs.io, XML schema. Nothing but plain arrays and text of the file itself is
read: HDF5 can also point at other files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from brainzoo.api import DataError, Volume

PIXELS, HEADER = "reconstruction_rss", "ismrmrd_header"
MOST_VOXELS = 2**29

CONTRASTS = {"T1": "T1w", "T1PRE": "T1w", "T2": "T2w", "FLAIR": "FLAIR", "T1POST": "T1ce"}
"""fastMRI's contrasts without ``AX``, and what BIDS and the zoo call them."""

_NS = "{http://www.ismrm.org/ISMRMRD}"
_SIDE = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}


@dataclasses.dataclass(frozen=True)
class About:
    """What a file says of itself; ``missing`` says why it cannot be used."""

    person: str = ""
    channel: str = ""
    missing: str = ""


def about(path: Path) -> About:
    """Read whose file it is and what it shows, without its voxels.

    Raises:
        DataError: It is not HDF5, or does not say whose it is.
    """
    with _opened(path) as file:
        if PIXELS not in file:
            return About(missing=f"without {PIXELS}")
        acquisition = _text(file.attrs.get("acquisition"))
        named = re.search(r"_AX([A-Z0-9]+)", path.name.upper())
        words = [acquisition.upper().removeprefix("AX"), named[1] if named else ""]
        channel = next((CONTRASTS[word] for word in words if word in CONTRASTS), "")
        if not channel:
            return About(missing=f"of {acquisition or 'an unknown contrast'}")
        patient = _text(file.attrs.get("patient_id"))
        if not patient:
            raise DataError(f"{path.name} does not say whose it is: it has no patient_id.")
    # An id of a hospital must not travel on; the same person gets the same pseudonym everywhere.
    return About(f"fastmri-{hashlib.sha256(patient.encode()).hexdigest()[:16]}", channel)


@dataclasses.dataclass(frozen=True)
class FastMriVolume:
    """Reads a file's volume; can be sent to another process."""

    path: Path
    orientation: str

    def __call__(self) -> Volume:
        """Return the volume, ``(column, row, slice)``, its middle at the origin.

        Raises:
            DataError: The file cannot be read or its header gives no spacing.
        """
        with _opened(self.path) as file:
            stored = _array(file, PIXELS)
            if stored.ndim != 3 or not 0 < stored.size <= MOST_VOXELS:
                shape = " × ".join(map(str, stored.shape))
                raise DataError(f"it holds an array of {shape or 'no size'}; expected 3 axes.")
            if stored.dtype.kind not in "fiu":
                raise DataError(f"its voxels are {stored.dtype}; expected numbers.")
            pixels = stored[()].astype(np.float32)
            header = _array(file, HEADER)[()] if HEADER in file else b""
        if not np.isfinite(pixels).all():
            raise DataError("it has voxels that are NaN or infinite.")
        spacing = _spacing_mm(_text(header), pixels.shape)
        data = np.ascontiguousarray(pixels.transpose(2, 1, 0))
        affine = np.zeros((4, 4))
        affine[3, 3] = 1
        for axis, (letter, mm) in enumerate(zip(self.orientation, spacing, strict=True)):
            row, sign = _SIDE[letter]
            affine[row, axis] = sign * mm
            affine[row, 3] = -sign * mm * (data.shape[axis] - 1) / 2
        return Volume(data, affine)


def _spacing_mm(xml: str, shape: tuple[int, ...]) -> tuple[float, float, float]:
    """Return the edges of a voxel along columns, rows and slices.

    ``reconSpace`` describes the images; each of a stack of 2-D slices has a field of view as thick
    as itself.

    Args:
        xml: The ISMRMRD header.
        shape: ``(slice, row, column)``.

    Raises:
        DataError: It is no such header, or its numbers cannot be true.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(xml, forbid_dtd=True)
        space = root.find(f"{_NS}encoding/{_NS}reconSpace")
        if space is None:
            raise ValueError("it has no reconSpace")
        numbers = [
            [float(space.findtext(f"{_NS}{part}/{_NS}{axis}") or "nan") for axis in "xyz"]
            for part in ("fieldOfView_mm", "matrixSize")
        ]
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise DataError(f"its {HEADER} cannot be read: {error}.") from error
    fov, matrix = np.array(numbers)
    with np.errstate(all="ignore"):
        x, y, z = (fov / matrix).tolist()
    if not all(0.05 < mm < 20 for mm in (x, y, z)):
        raise DataError(f"its {HEADER} says voxels of {x:.3g} × {y:.3g} × {z:.3g} mm.")
    # Some files were cropped to a square: a voxel stays what it is.
    return x, y, z


def _opened(path: Path) -> Any:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read as HDF5: it is damaged or another file."
        ) from error


def _array(file: Any, name: str) -> Any:
    """Return an array of the file itself.

    Raises:
        DataError: It lies in another file, or is none.
    """
    linked = file.get(name, getlink=True)
    if not isinstance(linked, h5py.HardLink):
        raise DataError(f"its {name} is a link; expected the array itself.")
    found = file[name]
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        raise DataError(f"its {name} is not in the file itself.")
    return found


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""
