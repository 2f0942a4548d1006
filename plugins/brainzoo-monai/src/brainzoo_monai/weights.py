"""Weights of others: read as tensors and nothing else, named as MONAI names them now, checked.

``torch.load(weights_only=True)`` builds tensors and plain containers only. Before that, the file
must be the uncompressed zip that ``torch.save`` writes; after it, names, shapes and types must be
exactly those of the network, before one number is copied.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import IntegrityError

MOST_BYTES = 20_000_000_000
FLOATS = ("torch.float32", "torch.float16", "torch.bfloat16")


def read_file(path: Path, network: Any) -> dict[str, Any]:
    """Return what a ``.pt`` file holds, memory-mapped.

    Args:
        path: The file.
        network: Whose weights it should hold; on the meta device.

    Raises:
        IntegrityError: It is no such file, holds more than tensors and plain values, or less than
            the network needs.
    """
    import torch

    size = path.stat().st_size
    needed = sum(value.numel() * 2 for value in network.state_dict().values())  # at half precision
    if needed > size:
        raise IntegrityError(
            f"the configuration asks for a network of {needed / 1e6:,.1f} MB at least; "
            f"{path.name} has {size / 1e6:,.1f} MB."
        )
    if size > MOST_BYTES:
        raise IntegrityError(f"{path.name} is over {MOST_BYTES // 10**9} GB, too large.")
    _expect_plain_zip(path)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        names = re.findall(r"(?:GLOBAL|global|class) ([\w.]+)", str(error))
        what = f" ({names[0][:80]})" if names else ""
        raise IntegrityError(
            f"{path.name} holds more than tensors{what}; it is refused, and nothing of it was run."
        ) from None
    except (RuntimeError, ValueError, TypeError, KeyError, AttributeError, EOFError) as error:
        said = (str(error).splitlines() or [""])[0][:120].rstrip(".")
        raise IntegrityError(f"{path.name} is damaged: {type(error).__name__}: {said}.") from None
    if not isinstance(found, dict):
        raise IntegrityError(f"{path.name} holds {type(found).__name__}; expected named tensors.")
    return found


def tensors_of(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the named tensors of a file's content; NVIDIA keeps them under a name of their own.

    Raises:
        IntegrityError: There is something else among them.
    """
    import torch

    inner = found.get("unet_state_dict", found)
    if not isinstance(inner, dict):
        raise IntegrityError(f"unet_state_dict in {name} is no collection of tensors.")
    for key, value in inner.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise IntegrityError(
                f"{name}: {str(key)[:60]!r} is {type(value).__name__}; expected a tensor."
            )
    return dict(inner)


def scale_factor(found: Mapping[str, Any], name: str) -> float:
    """Return by what latents were multiplied, of the file of NVIDIA's diffusion models.

    Raises:
        IntegrityError: It is missing, or is not a positive number.
    """
    import torch

    value = found.get("scale_factor")
    number = float(value) if isinstance(value, int | float) else float("nan")
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        number = float(value)
    if not 0 < number < 1e6:
        raise IntegrityError(f"{name} has no scale_factor that is a positive number.")
    return number


def fitted(
    network: Any, tensors: dict[str, Any], name: str, *, old: bool
) -> dict[str, NDArray[Any]]:
    """Return a network's weights as arrays, exactly as it needs them.

    Args:
        network: On the meta device.
        tensors: By name.
        name: Of their file, for messages.
        old: Whether the names may be those of GenerativeModels, MONAI's predecessor.

    Raises:
        IntegrityError: Names, shapes or types differ, or a number is not finite.
    """
    expected = network.state_dict()
    if old and not all(key in expected for key in tensors):
        tensors = _renamed(network, tensors, name)
    missing = sorted(expected.keys() - tensors.keys())
    extra = sorted(tensors.keys() - expected.keys())
    if missing or extra:
        first = f"it lacks {missing[0]!r}" if missing else f"{extra[0][:80]!r} is unknown"
        raise IntegrityError(
            f"{name} does not fit the network: {len(missing)} weights are missing and "
            f"{len(extra)} are unknown; {first}."
        )
    for key, value in expected.items():
        found = tensors[key]
        if found.shape != value.shape or str(found.dtype) not in FLOATS:
            raise IntegrityError(
                f"{name}: {key!r} is {found.dtype} {tuple(found.shape)}; expected "
                f"{value.dtype} {tuple(value.shape)}."
            )
    arrays = {}
    for key in expected:
        arrays[key] = np.ascontiguousarray(tensors[key].float().numpy())
        if not np.isfinite(arrays[key]).all():
            raise IntegrityError(f"{name}: {key!r} holds numbers that are NaN or infinite.")
    return arrays


def _renamed(network: Any, tensors: dict[str, Any], name: str) -> dict[str, Any]:
    """Return weights under today's names, by MONAI's own mapping.

    MONAI's ``load_old_state_dict`` ends in ``load_state_dict``: here that only takes the result.
    It leaves out what it does not know and keeps what it does not find, both without a word.
    """
    taken: dict[str, Any] = {}
    rest = dict(tensors)
    network.load_state_dict = lambda state, *_, **__: taken.update(state)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            network.load_old_state_dict(rest)
    except KeyError as error:
        raise IntegrityError(
            f"{name} has neither today's names of weights nor those of GenerativeModels: it lacks "
            f"{str(error.args[0])[:100]!r}."
        ) from None
    finally:
        del network.load_state_dict
    return {k: v for k, v in taken.items() if not v.is_meta} | {
        key: value for key, value in rest.items() if key not in taken
    }


def _expect_plain_zip(path: Path) -> None:
    """Refuse what ``torch.save`` does not write: other formats, compression, lying sizes."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise IntegrityError(
            f"{path.name} is not a file as torch.save writes it: {str(error)[:80].rstrip('.')}.",
            "A web page or a Git LFS pointer may have been saved in its place.",
        ) from None
    unpacked = sum(member.file_size for member in members)
    if unpacked > path.stat().st_size or any(member.compress_type for member in members):
        raise IntegrityError(
            f"{path.name} claims to hold {unpacked / 1e9:,.1f} GB in {path.stat().st_size:,} bytes."
        )
