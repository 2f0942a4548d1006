"""A checkpoint of half the size: weights rounded to float16, and whether that is seen.

    python tests/rounding.py RUN FOLDER

Networks compute in float32 all the same. Small tensors stay as they are: norms, biases, statistics
and codebooks, where a rounding can weigh much, make up little of a file.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.checkpoint import check, load, read_weights, refresh_card
from brainzoo.checkpoint.config import REFERENCE_SAMPLES
from brainzoo.checkpoint.names import CONFIG, LICENCE, METRICS, VERDICT, WEIGHTS
from brainzoo.checkpoint.weights_file import write_arrays
from brainzoo.checkpoint.writing import write_reference
from brainzoo.common.errors import BrainzooError, DataError
from brainzoo.common.files import new_folder, sha256
from brainzoo.plugin.capabilities import Reconstructs
from brainzoo.zoo.loading import find_checkpoint
from brainzoo.zoo.push import find_verdict
from brainzoo_privacy.verdict import read_verdict

SMALL = 2**14
"""Numbers of a tensor that is not rounded: 64 kB in float32."""
COMPARED = {2: 64, 3: 8}
"""Samples of seed 0 that are compared, by spatial rank."""
SAME = 0.5 / 255
"""How far a sample may move, on average over its pixels, to be the same: half a grey level."""


def round_weights(checkpoint: Path, folder: Path) -> float:
    """Write a checkpoint anew with float16 weights.

    Samples of seed 0 are compared, and what models that reconstruct make of them. If all stay the
    same to half a grey level, what was measured holds and comes along: ``metrics.json``, and the
    privacy verdict, which then notes from which weights these were rounded. Else they are other
    images, to be measured anew.

    Returns:
        By how much the sample that changed most changed, on average over its pixels, in [0, 1].
    """
    config = check(checkpoint)
    dims, old = len(config["images"]["spatial"]), config["weights"]["sha256"]
    before = load(checkpoint)
    wanted = before.images(COMPARED[dims])
    arrays = {name: _half(name, array) for name, array in read_weights(checkpoint).items()}
    with new_folder(folder) as temporary:
        shutil.copyfile(checkpoint / LICENCE, temporary / LICENCE)
        (temporary / WEIGHTS).write_bytes(write_arrays(arrays))
        new = config["weights"]["sha256"] = sha256(temporary / WEIGHTS)
        (temporary / CONFIG).write_text(json.dumps(config, indent=2), encoding="utf-8")
        after = load(temporary)
        made = after.images(len(wanted))
        moved = _difference(wanted, made)
        if isinstance(before, Reconstructs) and isinstance(after, Reconstructs):
            pair = before.reconstruct(wanted).mean, after.reconstruct(wanted).mean
            moved = max(moved, _difference(*pair))
        config["verify"] = write_reference(temporary, made[: REFERENCE_SAMPLES[dims]])
        (temporary / CONFIG).write_text(json.dumps(config, indent=2), encoding="utf-8")
        measured = (checkpoint / METRICS).read_bytes() if moved <= SAME else b'{"evaluators": {}}'
        (temporary / METRICS).write_bytes(measured)
        verdict = find_verdict(checkpoint)
        if moved <= SAME and verdict is not None:
            found = read_verdict(verdict)
            if found.synthetic.checkpoint_sha256 == old:  # else the publish gate refuses it
                made_by = found.synthetic.model_copy(update={"checkpoint_sha256": new})
                noted = {"rounded_from_sha256": old, "rounding_moved_samples_by": moved}
                options = {**found.options, **noted}
                found = found.model_copy(update={"synthetic": made_by, "options": options})
            (temporary / VERDICT).write_bytes(found.to_bytes())
        refresh_card(temporary)
    return moved


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


def _difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the mean absolute difference of the image that differs most."""
    return float(np.abs(one - other).reshape(len(one), -1).mean(1).max())


def main() -> None:
    run, folder = sys.argv[1:]
    try:
        moved = round_weights(find_checkpoint(run), Path(folder))
    except BrainzooError as error:
        sys.exit(str(error))
    then = "what was measured holds" if moved <= SAME else "sample and evaluate it anew"
    print(f"the sample that changed most changed by {255 * moved:.3g} of 255 grey levels: {then}")


if __name__ == "__main__":
    main()
