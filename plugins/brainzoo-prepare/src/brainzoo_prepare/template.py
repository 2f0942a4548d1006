"""The MNI152 template that nilearn's wheel carries: ICBM 2009a nonlinear symmetric, T1, brain only.

Fonov V, Evans AC, Botteron K, et al. (2011), NeuroImage 54:313-327,
https://doi.org/10.1016/j.neuroimage.2010.07.033.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import numpy as np

from brainzoo.api import NotFoundError, Volume

FILE = "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


@functools.cache
def template() -> Volume:
    """Return the template, 1 mm.

    Raises:
        NotFoundError: nilearn has none.
    """
    nilearn = importlib.util.find_spec("nilearn")  # to import it takes seconds
    for folder in (nilearn.submodule_search_locations or []) if nilearn else []:
        path = Path(folder) / FILE
        if path.is_file():
            return Volume.read(path)
    raise NotFoundError(
        "aligning needs the MNI152 template of nilearn, which is not installed here.",
        "Try: pip install --upgrade nilearn",
    )


@functools.cache
def extent_mm() -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return the lower and upper corner of the template's brain, in its RAS+ millimetres."""
    volume = template()
    low, high = [], []
    for axis in range(3):
        there = np.flatnonzero((volume.data > 0).any(axis=tuple({0, 1, 2} - {axis})))
        ends = sorted(
            volume.affine[axis, axis] * i + volume.affine[axis, 3] for i in there[[0, -1]]
        )
        low.append(float(ends[0]))
        high.append(float(ends[1]))
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])
