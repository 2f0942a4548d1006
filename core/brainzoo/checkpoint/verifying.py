"""Whether a checkpoint still makes the samples that it made when it was written."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.checkpoint.config import TOLERANCE
from brainzoo.checkpoint.loading import load
from brainzoo.checkpoint.names import REFERENCE
from brainzoo.checkpoint.reading import check
from brainzoo.checkpoint.writing import eight_bit, reference
from brainzoo.common.errors import IntegrityError, NotFoundError


@dataclasses.dataclass(frozen=True)
class Verification:
    """What verifying found.

    Attributes:
        exact: Whether all samples are the same to the bit.
        largest_difference: In [0, 1], the range of grey.
        tolerance: How large it may be.
    """

    exact: bool
    largest_difference: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Exact, or within the tolerance."""
        return self.exact or self.largest_difference <= self.tolerance


def verify(folder: Path) -> Verification:
    """Sample the stored seed and compare with the stored reference samples.

    Raises:
        IntegrityError: The checkpoint is damaged.
        NotFoundError: It holds no reference.
    """
    config = check(folder)
    wanted = config.get("verify")
    if wanted is None:
        raise NotFoundError(
            f"{folder} keeps no samples of its makers to compare with.",
            "It was converted from a model by others.",
        )
    stored = read_reference(folder, config)
    if hashlib.sha256(stored.tobytes()).hexdigest() != wanted["sha256"]:
        raise IntegrityError(f"{folder / REFERENCE} does not match the digest in config.json.")
    made = eight_bit(reference(load(folder), len(stored), seed=wanted["seed"]))
    if made.shape != stored.shape:
        raise IntegrityError(f"found samples of shape {made.shape}; expected {stored.shape}.")
    difference = float(np.abs(made.astype(np.int16) - stored.astype(np.int16)).max()) / 255
    exact = bool((made == stored).all())
    # The folder may state a stricter tolerance than ours, never a wider one.
    return Verification(exact, difference, min(float(wanted["tolerance"]), TOLERANCE))


def read_reference(folder: Path, config: dict[str, Any]) -> NDArray[np.uint8]:
    """Read the reference samples ``(n, channel, *spatial)``; the file's header is not trusted.

    Raises:
        IntegrityError: There are none, or not those that the configuration describes.
    """
    path = folder / REFERENCE
    images = config["images"]
    shape = (config["verify"]["n"], images["channels"], *images["spatial"])
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(found, np.memmap) or (found.shape, found.dtype) != (shape, np.uint8):
            raise ValueError(f"it is not an array of uint8 {shape}")
        if path.stat().st_size != found.offset + found.nbytes:
            raise ValueError(f"it has {path.stat().st_size} bytes")
    except (OSError, ValueError, EOFError, SyntaxError, TypeError, OverflowError) as error:
        said = " ".join(str(error).split())[:200].rstrip(".")
        raise IntegrityError(f"{folder} holds no readable reference samples: {said}.") from None
    return np.array(found)
