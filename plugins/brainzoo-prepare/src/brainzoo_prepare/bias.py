"""Bias fields by N4, as SimpleITK has it.

Tustison NJ, Avants BB, Cook PA, et al. (2010). N4ITK: improved N3 bias correction. IEEE
Transactions on Medical Imaging 29:1310-1320, https://doi.org/10.1109/TMI.2010.2046908.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import SimpleITK

from brainzoo.api import Subject, Volume
from brainzoo_prepare.scans import Ready, alone, ras, read, to_itk

sitk: Any = SimpleITK  # untyped

COARSE_MM = 6.0
"""The field is smooth: this is fine enough to fit it."""

ITERATIONS = (50, 50, 50)
MOST_LOG = 2.0
"""Of the field: intensities seven times too high or low are the most that coils make."""


class N4:
    """The step ``n4``: evens out each channel."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def record(self) -> dict[str, Any]:
        """What decides the result."""
        itk = sitk.Version.VersionString()
        return {"simpleitk": itk, "coarse_mm": COARSE_MM, "iterations": list(ITERATIONS)}

    def __call__(self, subject: Subject) -> Subject:
        """Return the scan with its channels corrected, by what is bright in each."""
        images = {name: Ready(evened(read(source))) for name, source in subject.images.items()}
        return dataclasses.replace(subject, images=images)


def evened(volume: Volume) -> Volume:
    """Return a volume divided by its bias field, whose mean in the head is 1."""
    alone()
    scan = ras(volume)
    low = min(float(scan.data.min()), 0.0)
    image = to_itk(Volume(scan.data.astype(np.float32) - low, scan.affine))
    mask = sitk.OtsuThreshold(image, 0, 1)
    shrink = [max(1, round(COARSE_MM / mm)) for mm in image.GetSpacing()]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(ITERATIONS)
    n4.Execute(sitk.Shrink(image, shrink), sitk.Shrink(mask, shrink))
    inside = sitk.GetArrayViewFromImage(mask).transpose(2, 1, 0) > 0
    log = sitk.GetArrayViewFromImage(n4.GetLogBiasFieldAsImage(image)).transpose(2, 1, 0)
    # Far outside the head the spline may run away.
    field = np.exp(np.clip(log - log[inside].mean(), -MOST_LOG, MOST_LOG))
    return Volume(
        ((scan.data - low) / field + low).astype(np.float32), scan.affine, volume.warnings
    )
