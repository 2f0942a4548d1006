"""Registration of one volume to another, by SimpleITK."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import SimpleITK

from brainzoo.api import DataError, Volume
from brainzoo_prepare.scans import LPS, Matrix, alone, to_itk

sitk: Any = SimpleITK  # untyped

Method = Literal["rigid", "affine"]
Start = Literal["headers", "moments"]

COARSE_MM = (6.0, 3.0)
"""Grids of the fixed volume, from coarse to fine; every voxel of them is compared."""

BINS, MARGIN_MM = 32, 6.0


def registered(moving: Volume, fixed: Volume, method: Method, start: Start) -> Matrix:
    """Return the matrix that brings a volume onto another, in RAS+ millimetres.

    By mutual information, so that contrasts may differ. Deterministic: all voxels, one thread.

    Args:
        moving: Is brought; axes in RAS+ order.
        fixed: Stays.
        method: Turn and shift; or also scale and shear.
        start: Begin where the headers put them, or with the centres of their intensities together.

    Raises:
        DataError: They have nothing in common.
    """
    alone()
    one, other = to_itk(moving), to_itk(fixed)
    by = sitk.CenteredTransformInitializerFilter
    rigid = sitk.Euler3DTransform()
    try:
        if start == "moments":
            begun = sitk.CenteredTransformInitializer(other, one, rigid, by.MOMENTS)
            rigid = sitk.Euler3DTransform(begun)
        else:
            middle = [(n - 1) / 2 for n in other.GetSize()]
            rigid.SetCenter(other.TransformContinuousIndexToPhysicalPoint(middle))
        # A target that shows the brain alone is compared near it, and not in all the black around.
        margin = [max(1, round(MARGIN_MM / mm)) for mm in other.GetSpacing()]
        near = sitk.BinaryDilate(other > 0, margin)
        found = _optimised(other, one, rigid, near, rate=1.0)
        if method == "affine":
            affine = sitk.AffineTransform(3)
            affine.SetMatrix(found.GetMatrix())
            affine.SetTranslation(found.GetTranslation())
            affine.SetCenter(found.GetCenter())
            found = _optimised(other, one, affine, near, rate=0.5)
    except RuntimeError as error:  # ITK says "All samples map outside moving image buffer"
        raise DataError(
            "it cannot be aligned: it has nothing in common with its target."
        ) from error
    return np.asarray(np.linalg.inv(_matrix(found)), np.float64)


def _optimised(fixed: Any, moving: Any, transform: Any, near: Any, *, rate: float) -> Any:
    """Improve a transform, which maps places of ``fixed`` to places of ``moving``."""
    for coarse_mm in COARSE_MM:
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(BINS)
        method.SetMetricSamplingStrategy(method.NONE)
        method.SetMetricFixedMask(near)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetOptimizerAsRegularStepGradientDescent(
            learningRate=rate * coarse_mm / 3, minStep=1e-3 * coarse_mm, numberOfIterations=120,
            gradientMagnitudeTolerance=1e-5,
        )  # fmt: skip
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetInitialTransform(transform, inPlace=True)
        method.Execute(_coarse(fixed, coarse_mm), _coarse(moving, COARSE_MM[-1]))
    return transform


def _coarse(image: Any, spacing_mm: float) -> Any:
    """Average an image down to about a spacing."""
    return sitk.BinShrink(image, [max(1, round(spacing_mm / mm)) for mm in image.GetSpacing()])


def _matrix(transform: Any) -> Matrix:
    """Return the 4 × 4 matrix of a transform, in RAS+ millimetres."""
    linear = np.array(transform.GetMatrix()).reshape(3, 3)
    centre, shift = np.array(transform.GetCenter()), np.array(transform.GetTranslation())
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = shift + centre - linear @ centre
    return np.asarray(LPS @ matrix @ LPS)
