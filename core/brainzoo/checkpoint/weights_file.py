"""Reading safetensors without trusting them: the header is checked before anything is allocated.

The safetensors library accepts files whose header lies about shapes or holds a million empty
tensors, and reports anything that is not safetensors at all as "header too large". So the first
bytes are looked at, and the header is parsed here within limits.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import IntegrityError, NotFoundError
from brainzoo.common.strict import plain_json

MAX_HEADER_BYTES = 4_000_000
MAX_TENSORS = 20_000
MAX_DIMENSIONS = 8
KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,199}")
DTYPES = {"F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "|u1", "BOOL": "|b1"}

_OTHERS = {
    b"PK\x03\x04": "a zip archive, as torch.save writes it (a pickle)",
    b"\x80": "a Python pickle",
    b"<": "a web page",
    b"\xef\xbb\xbf<": "a web page",
    b"{": "JSON",
    b"version https://git-lfs": "a Git LFS pointer",
    b"\x1f\x8b": "a gzip file",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a numpy array",
    b"\x7fELF": "a program",
    b"#!": "a script",
}


def read_header(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return dtype and shape of every tensor of a safetensors file, fully checked.

    Raises:
        NotFoundError: No such file.
        IntegrityError: It is something else, or its header is damaged, lying or over the limits.
    """
    header, _ = _parse(path)
    return {name: (entry[0], entry[1]) for name, entry in header.items()}


def read_arrays(path: Path, *, sha256: str | None = None) -> dict[str, NDArray[Any]]:
    """Read all tensors of a checked safetensors file as numpy arrays.

    Args:
        path: The file.
        sha256: What its content must hash to, in hexadecimal.

    Raises:
        NotFoundError: No such file.
        IntegrityError: As for :func:`read_header`, or the digest is another.
    """
    header, start = _parse(path)
    digest = hashlib.sha256()
    arrays = {}
    with path.open("rb") as file:
        digest.update(file.read(start))
        # In the order of the file, so that it is read once, and held in memory once.
        for name, (dtype, shape, (begin, end)) in sorted(header.items(), key=lambda i: i[1][2]):
            block = bytearray(end - begin)
            if file.readinto(block) != len(block):
                raise IntegrityError(f"{path.name} became shorter while it was read.")
            digest.update(block)
            arrays[name] = np.frombuffer(block, dtype=DTYPES[dtype]).reshape(shape)
    if sha256 is not None and digest.hexdigest() != sha256:
        raise IntegrityError(
            f"{path} does not match its digest: it was changed or damaged.",
            "Fetch the checkpoint again.",
        )
    return arrays


def write_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as the content of a safetensors file.

    Raises:
        IntegrityError: A type or name that :func:`read_header` would refuse.
    """
    from safetensors.numpy import save

    for name, array in arrays.items():
        if array.dtype.newbyteorder("<") not in {np.dtype(code) for code in DTYPES.values()}:
            raise IntegrityError(f"weight {name!r} is {array.dtype}, which is not stored.")
        if not KEY.fullmatch(name):
            raise IntegrityError(f"weight name {name!r} is not allowed.")
    # The library writes wrong values for arrays that are not contiguous, without a word.
    return bytes(save({name: array.copy(order="C") for name, array in arrays.items()}))


Entry = tuple[str, tuple[int, ...], tuple[int, int]]


def _parse(path: Path) -> tuple[dict[str, Entry], int]:
    if not path.is_file():
        raise NotFoundError(f"there is no file {path}.")
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(64)
        length = int.from_bytes(first[:8], "little")
        if size < 10 or length > min(MAX_HEADER_BYTES, size - 8) or first[8:9] != b"{":
            raise IntegrityError(_what(path.name, first, size, length))
        file.seek(8)
        text = file.read(length)
    try:
        raw = plain_json(text)
    except ValueError as error:
        raise IntegrityError(
            f"{path.name} is corrupt: its header is unreadable: {error}."
        ) from None
    if not isinstance(raw, dict):
        raise IntegrityError(f"{path.name} is corrupt: its header is not an object.")
    about = raw.pop("__metadata__", {})
    if not isinstance(about, dict) or not all(isinstance(text, str) for text in about.values()):
        raise IntegrityError(f"{path.name} is corrupt: its metadata are not texts.")
    if not 0 < len(raw) <= MAX_TENSORS:
        raise IntegrityError(f"{path.name} holds {len(raw)} tensors; expected 1 to {MAX_TENSORS}.")
    header = {name: _entry(path.name, name, value) for name, value in raw.items()}
    _check_layout(path.name, header, size - 8 - length)
    return header, 8 + length


def _what(name: str, first: bytes, size: int, length: int) -> str:
    if size > 9 and first[8:9] == b"{" and length <= MAX_HEADER_BYTES:
        return f"{name} is truncated: it ends within its header."
    for magic, meaning in _OTHERS.items():
        if first.startswith(magic):
            return f"{name} is {meaning}, not safetensors; it is refused."
    if size < 10:
        return f"{name} has only {size} bytes; expected safetensors."
    return f"{name} is not safetensors: its first bytes are {first[:8]!r}."


def _entry(file: str, name: str, value: Any) -> Entry:
    if not KEY.fullmatch(name):
        raise IntegrityError(f"{file}: the tensor name {name[:60]!r} is not allowed.")
    wrong = IntegrityError(f"{file} is corrupt: the entry of tensor {name!r} makes no sense.")
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise wrong
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise IntegrityError(f"{file}: tensor {name!r} is of type {dtype!r}, which is not used.")
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or not all(
            type(n) is int and 0 <= n < 2**48 for n in numbers
        ):
            raise wrong
    if len(offsets) != 2 or len(shape) > MAX_DIMENSIONS:
        raise wrong
    if offsets[1] - offsets[0] != math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize:
        raise IntegrityError(
            f"{file} is corrupt: tensor {name!r} of shape {shape} cannot fill "
            f"{offsets[1] - offsets[0]} bytes."
        )
    return dtype, tuple(shape), (offsets[0], offsets[1])


def _check_layout(file: str, header: Mapping[str, Entry], size: int) -> None:
    at = 0
    for begin, end in sorted(entry[2] for entry in header.values()):
        if begin != at:
            raise IntegrityError(f"{file} is corrupt: tensors overlap or leave gaps.")
        at = end
    if at != size:
        raise IntegrityError(f"{file} is corrupt: it holds {size} bytes of weights; expected {at}.")
