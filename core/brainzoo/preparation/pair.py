"""A scan and its mask on the grid of images that were prepared before."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import BrainzooError, DataError, OptionError
from brainzoo.data.images import Images
from brainzoo.data.subjects import Subject
from brainzoo.data.volumes import read_volume
from brainzoo.plugin.options import make_config
from brainzoo.preparation.config import PrepareConfig
from brainzoo.preparation.grid import make_images
from brainzoo.preparation.head import find_head
from brainzoo.preparation.scan import Scan

INSIDE = 0.5
"""Pixels of which at least this part is mask count as such."""


def prepare_pair(
    like: Images, scan: Path, mask: Path
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the images of a scan, and its mask, made as other images were made.

    Args:
        like: Prepared images, whose description says how.
        scan: NIfTI or MGH.
        mask: On the scan's grid; all that is not 0 belongs to it.

    Returns:
        ``(image, channel, *spatial)`` in [0, 1], and ``(image, *spatial)``.

    Raises:
        OptionError: The images do not say how they were prepared.
        DataError: The scan cannot be used, or the mask lies on another grid.
    """
    config = _preparation(like)
    volume, part = read_volume(scan), read_volume(mask)
    if part.data.shape != volume.data.shape or not np.allclose(
        part.affine, volume.affine, atol=0.1
    ):
        raise DataError(
            f"the mask {mask.name} lies on another grid than {scan.name}.",
            "Resample it to the scan, with nearest neighbours.",
        )
    seen = Scan.of(volume, config.axes)
    head = find_head(seen, config.percentiles)
    subject = Subject("scan", {"scan": scan})
    image = make_images(seen, head, config, subject).pixels
    binary = (part.data != 0).astype(np.float32)
    inside = Scan.of(dataclasses.replace(part, data=binary, affine=volume.affine), config.axes)
    unit = dataclasses.replace(head, black=0.0, white=1.0)
    shares = make_images(inside, unit, config, subject).pixels[:, 0]
    return np.clip(image, 0, 1).astype(np.float32), shares >= INSIDE


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
