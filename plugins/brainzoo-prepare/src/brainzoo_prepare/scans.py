"""What the steps share: reading a scan's volumes, SimpleITK's view of them, results kept."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from brainzoo.api import Subject, Volume, home, write_bytes

sitk: Any = SimpleITK  # untyped

Source = Path | Callable[[], Volume]
Matrix = NDArray[np.float64]

LPS = np.diag([-1.0, -1, 1, 1])
"""From brainzoo's RAS+ millimetres to ITK's, and back."""


def read(source: Source) -> Volume:
    """Read a file, or call a function."""
    return Volume.read(source) if isinstance(source, Path) else source()


@dataclasses.dataclass(frozen=True)
class Ready:
    """A volume that is in memory, as a source."""

    volume: Volume

    def __call__(self) -> Volume:
        """Return the volume."""
        return self.volume


def main_channel(subject: Subject) -> str:
    """Return the channel that others follow: T1w where there is one, else the first."""
    return "T1w" if "T1w" in subject.images else next(iter(subject.images))


def kept(name: str, volumes: list[Volume], make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """Return an array that depends on volumes alone, computed once.

    Args:
        name: What it is, with all that decides it but the volumes.
        volumes: What it is computed of.
        make: Computes it.
    """
    digest = hashlib.sha256(name.encode())
    for volume in volumes:
        digest.update(f"{volume.data.dtype} {volume.data.shape}".encode())
        digest.update((np.round(volume.affine, 6) + 0.0).tobytes())  # and no zero below zero
        digest.update(np.ascontiguousarray(volume.data).tobytes())
    path = home() / "steps" / f"{name.split()[0]}-{digest.hexdigest()}.npy"
    try:
        found: NDArray[Any] = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    except (OSError, ValueError, EOFError):  # not there, or damaged
        found = make()
        buffer = io.BytesIO()
        np.save(buffer, found, allow_pickle=False)
        write_bytes(path, buffer.getvalue())
    return found


def ras(volume: Volume) -> Volume:
    """Return a volume with its axes in RAS+ order: a view, nothing is interpolated."""
    affine = volume.affine
    order = _axes(affine)
    data = volume.data.transpose(order)
    affine = affine[:, [*order, 3]].copy()
    for axis in range(3):
        if affine[axis, axis] < 0:
            data = np.flip(data, axis)
            affine[:3, 3] += affine[:3, axis] * (data.shape[axis] - 1)
            affine[:3, axis] *= -1
    return Volume(data, affine)


def _axes(affine: Matrix) -> list[int]:
    """Return which array axis runs along x, y and z of the world, each once."""
    import itertools

    cosines = np.abs(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))
    best = max(
        itertools.permutations(range(3)), key=lambda p: sum(cosines[i, p[i]] for i in range(3))
    )
    return list(best)


def to_itk(volume: Volume, affine: Matrix | None = None) -> Any:
    """Return a SimpleITK image of a volume whose axes are at right angles."""
    matrix = LPS @ (volume.affine if affine is None else affine)
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.data.transpose(2, 1, 0), np.float32))
    image.SetSpacing(spacing.tolist())
    image.SetDirection((matrix[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(matrix[:3, 3].tolist())
    return image


def alone() -> None:
    """Let ITK use one thread: several add up in another order each time, and workers are many."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
