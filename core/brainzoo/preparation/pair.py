"""A scan and its mask on the grid of images that were prepared before."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import BrainzooError, DataError, OptionError
from brainzoo.data.images import Images
from brainzoo.data.subjects import Subject
from brainzoo.plugin.options import make_config
from brainzoo.preparation.config import PrepareConfig
from brainzoo.preparation.subject import prepare_subject


def prepare_pair(
    like: Images, scan: Path, mask: Path
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the images of a scan, and its mask, made as other images were made.

    Args:
        like: Prepared images, whose description says how.
        scan: NIfTI or MGH.
        mask: On any grid in the same space; all that is not 0 belongs to it.

    Returns:
        ``(image, channel, *spatial)`` in [0, 1], and ``(image, *spatial)``.

    Raises:
        OptionError: The images do not say how they were prepared.
        DataError: The scan or its mask cannot be used.
    """
    config = dataclasses.replace(_preparation(like), dtype="float32", label_values=())
    prepared = prepare_subject(Subject("scan", {"scan": scan}, labels=mask), config)
    if prepared.labels is None:
        raise DataError(prepared.failure)
    return prepared.pixels.astype(np.float32), prepared.labels != 0


def _preparation(like: Images) -> PrepareConfig:
    given = like.info.get("preparation")
    try:
        config = make_config(PrepareConfig, given or {}, "preparation of the images")
    except BrainzooError:
        config = None
    if not given or config is None or (config.size,) * config.dims != like.spatial:
        raise OptionError(
            "the images do not say how they were prepared, so scans cannot be made alike.",
            "Evaluate a run, or images that brainzoo data made.",
        )
    return dataclasses.replace(config, rotations=0, flips=False, mask=False)
