"""Reading safetensors without trusting them: names, types and numbers of tensors have limits.

The safetensors library reports anything that is not safetensors at all as "header too large", so
the first bytes are looked at before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import IntegrityError, NotFoundError
from brainzoo.common.files import sha256 as sha256_of
from brainzoo.common.strict import one_line

MAX_HEADER_BYTES = 4_000_000
MAX_TENSORS = 20_000
MAX_DIMENSIONS = 8
KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,199}")
DTYPES = {"F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "|u1", "BOOL": "|b1"}


def read_header(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return dtype and shape of every tensor of a safetensors file, fully checked."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise NotFoundError(f"no such file: {path}.")
    with path.open("rb") as file:
        first = file.read(9)
    if first[8:] != b"{" or int.from_bytes(first[:8], "little") > MAX_HEADER_BYTES:
        raise IntegrityError(
            f"{path.name} is not safetensors: it begins {first!r}. A pickle, as torch.save "
            "writes it, is never read."
        )
    try:
        with safe_open(path, framework="np") as opened:
            names = opened.keys()
            parts = {name: opened.get_slice(name) for name in names}
            header = {n: (str(p.get_dtype()), tuple(p.get_shape())) for n, p in parts.items()}
    except SafetensorError as error:
        raise IntegrityError(f"{path.name} is corrupt: {one_line(error)}.") from None
    if not 0 < len(header) <= MAX_TENSORS:
        raise IntegrityError(
            f"{path.name} holds {len(header)} tensors; expected 1 to {MAX_TENSORS}."
        )
    for name, (dtype, shape) in header.items():
        if not KEY.fullmatch(name) or dtype not in DTYPES or len(shape) > MAX_DIMENSIONS:
            what = f"the tensor {name[:60]!r}, {dtype} of {len(shape)} dimensions"
            raise IntegrityError(f"{path.name}: {what}, is not allowed.")
    return header


def read_arrays(path: Path, *, sha256: str | None = None) -> dict[str, NDArray[Any]]:
    """Read all tensors of a checked safetensors file as numpy arrays."""
    from safetensors.numpy import load_file

    read_header(path)
    if sha256 is not None and sha256_of(path) != sha256:
        raise IntegrityError(
            f"{path} does not match its digest: it was changed or damaged.",
            "Fetch the checkpoint again.",
        )
    try:
        return dict(load_file(path))
    except ValueError as error:  # an empty tensor of an absurd shape
        raise IntegrityError(f"{path.name} is corrupt: {error}.") from None


def write_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as the content of a safetensors file."""
    from safetensors.numpy import save

    for name, array in arrays.items():
        if array.dtype.newbyteorder("<") not in {np.dtype(code) for code in DTYPES.values()}:
            raise IntegrityError(f"weight {name!r} is {array.dtype}, which is not stored.")
        if not KEY.fullmatch(name):
            raise IntegrityError(f"weight name {name!r} is not allowed.")
    # The library writes wrong values for arrays that are not contiguous, without a word.
    return bytes(save({name: array.copy(order="C") for name, array in arrays.items()}))
