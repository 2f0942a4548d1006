"""Checkpoints of half the size: weights rounded to float16, and whether that is seen.

Networks compute in float32 all the same. Small tensors stay as they are: norms, biases, statistics
and codebooks, where a rounding can weigh much, make up little of a file.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.checkpoint.config import REFERENCE_SAMPLES, RoundedPart, problem
from brainzoo.checkpoint.loading import load
from brainzoo.checkpoint.names import CONFIG, LICENCE, METRICS, WEIGHTS
from brainzoo.checkpoint.reading import check, read_weights
from brainzoo.checkpoint.weights_file import write_arrays
from brainzoo.checkpoint.writing import reference, refresh_card, training_of, write_reference
from brainzoo.common.errors import DataError, ExistsError, IntegrityError
from brainzoo.common.files import new_folder, sha256
from brainzoo.plugin.interfaces import Generator
from brainzoo.plugin.reconstruction import Reconstructs

SMALL = 2**15
"""Numbers of a tensor that is not rounded: 128 kB in float32."""
COMPARED = {2: 64, 3: 8}
"""Samples that are compared, by spatial rank."""


def round_weights(checkpoint: Path, folder: Path) -> RoundedPart:
    """Write a checkpoint anew with float16 weights, and compare what both make.

    Samples of seed 0 are compared, and what models that reconstruct make of them. The reference
    samples of the new folder are made by the rounded weights.

    Args:
        checkpoint: A checkpoint folder.
        folder: The new folder.

    Raises:
        DataError: A weight is beyond the range of float16, or samples are not finite.
        ExistsError: The folder is there already, or the weights are float16 already.
    """
    config = check(checkpoint)
    arrays = read_weights(checkpoint)
    rounded = config["weights"].get("rounded") is not None
    if rounded or any(array.dtype == np.float16 for array in arrays.values()):
        raise ExistsError(f"the weights in {checkpoint} are float16 already.")
    dims = len(config["images"]["spatial"])
    before = load(checkpoint)
    wanted = reference(before, COMPARED[dims])
    with new_folder(folder) as temporary:
        for name in (LICENCE, METRICS):
            if (checkpoint / name).is_file():
                shutil.copyfile(checkpoint / name, temporary / name)
        weights = write_arrays({name: _half(name, array) for name, array in arrays.items()})
        (temporary / WEIGHTS).write_bytes(weights)
        part = {"from_sha256": config["weights"]["sha256"], "samples": len(wanted)}
        config["weights"] |= {
            "sha256": sha256(temporary / WEIGHTS),
            "rounded": {**part, "mean_difference": 0.0, "largest_difference": 0.0},
        }
        # Who trained before commands were recorded here has them in the run.
        config["training"] = config.get("training") or _training(checkpoint.parent)
        _write_config(temporary, config)
        after = load(temporary)
        made = reference(after, len(wanted))
        pairs = [(wanted, made), *_reconstructions(before, after, wanted)]
        config["weights"]["rounded"] |= {
            "mean_difference": max(map(_mean_difference, pairs)),
            "largest_difference": max(float(np.abs(a - b).max()) for a, b in pairs),
        }
        config["verify"] = write_reference(temporary, made[: REFERENCE_SAMPLES[dims]])
        _write_config(temporary, config)
        refresh_card(temporary)
    return RoundedPart.model_validate(config["weights"]["rounded"])


def _half(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype != np.float32 or array.size <= SMALL:
        return array
    most, end = float(np.abs(array).max()), float(np.finfo(np.float16).max)
    if most > end:
        raise DataError(
            f"weight {name!r} reaches {most:.4g}; float16 ends at {end:.0f}.",
            "These weights stay in float32.",
        )
    return array.astype(np.float16)


def _reconstructions(
    before: Generator, after: Generator, pixels: NDArray[np.float32]
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return what both make of the same images, where they can: encoders were rounded, too."""
    if not (isinstance(before, Reconstructs) and isinstance(after, Reconstructs)):
        return []
    return [(before.reconstruct(pixels).mean, after.reconstruct(pixels).mean)]


def _mean_difference(pair: tuple[NDArray[np.float32], NDArray[np.float32]]) -> float:
    """Return the mean absolute difference of the image that differs most."""
    found = np.abs(pair[0] - pair[1])
    return float(found.reshape(len(found), -1).mean(1).max())


def _training(run: Path) -> Mapping[str, Any] | None:
    found = training_of(run)
    # Commit and machine would be those of today.
    return found and {**found, "commit": None, "hardware": None}


def _write_config(folder: Path, config: Mapping[str, Any]) -> None:
    text = json.dumps(config, indent=2, allow_nan=False)
    if wrong := problem(json.loads(text)):
        raise IntegrityError(f"this checkpoint could not be read again: {wrong}.")
    (folder / CONFIG).write_text(text, encoding="utf-8")
