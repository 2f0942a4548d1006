"""The options of preparing data, apart so that the command line's help needs no numpy."""

from __future__ import annotations

import dataclasses
from typing import Any

from brainzoo.common.errors import OptionError
from brainzoo.data.splits import FRACTIONS, check_fractions
from brainzoo.plugin.options import LARGEST_SEED, option, plain

BASAL_GANGLIA = 0.55
"""Level of the basal ganglia within the brain's height (0 bottom, 1 top): mean over 121 IXI scans
with DLMUSE labels, standard deviation 0.03."""


@dataclasses.dataclass(frozen=True)
class PrepareConfig:
    """How scans become images; the defaults suit T1-weighted heads with skull.

    Of the four ways to place slices (``slices_fraction``, ``slices_mm``, ``slices_index``,
    ``sections_mm``) one may be given. Recipes of papers, as options of the command line:

    - 256 × 256 patches of all slices from 30 to 120 (PGGAN on neonatal brains):
      ``--data.patch-size 256 --data.slices-index 30,120 --data.slices 91``
    - sections about the basal ganglia in random poses (DCGAN by Kazuhiro et al.):
      ``--data.sections-mm -4,-2,0,2,4 --data.rotations 20 --data.flips``
    """

    dims: int = option(2, "2 for slices, 3 for whole volumes.", minimum=2, maximum=3)
    plane: str = option("axial", "Plane of the slices.", choices=("axial", "coronal", "sagittal"))
    size: int = option(64, "Edge of the images in pixels.", minimum=8, maximum=1024)
    fov_mm: float = option(
        224.0, "Field of view: edge of the images in mm.", minimum=20, maximum=1000
    )
    spacing_mm: float | None = option(
        None, "Edge of a pixel in mm, instead of the field of view.", minimum=0.05, maximum=50
    )
    slices: int = option(
        20,
        "Slices of a scan, spread evenly over their range; not used with sections.",
        minimum=1,
        maximum=1000,
    )
    step_mm: float | None = option(
        None, "Distance of the slices in mm, instead of their number.", minimum=0.1, maximum=100
    )
    slices_fraction: tuple[float, ...] = option(
        (),
        "Range of the slices in the brain's extent; 0.3,0.8 by default.",
        minimum=0,
        maximum=1,
    )
    slices_mm: tuple[float, ...] = option(
        (), "Range of the slices in mm from the brain's centre, for example -20,40."
    )
    slices_index: tuple[int, ...] = option(
        (),
        "Range of the slices by the scan's own slice numbers, from 0: for example 30,120.",
        minimum=0,
    )
    sections_mm: tuple[float, ...] = option(
        (), "Sections at these distances from the reference level, for example -4,-2,0,2,4."
    )
    reference_fraction: float = option(
        BASAL_GANGLIA,
        "Reference level of the sections in the brain's extent; the default is that of the basal "
        "ganglia in axial slices.",
        minimum=0,
        maximum=1,
    )
    patch_size: int | None = option(
        None, "Cut square patches of this many scan voxels, then resize them.", minimum=8
    )
    patches: int = option(
        4, "Patches of a slice, if there is a patch size; empty ones are left out.", minimum=1
    )
    rotations: int = option(
        0, "Randomly turned copies of each scan besides the upright one.", minimum=0
    )
    rotations_deg: tuple[float, ...] = option(
        (10.0, 10.0, 5.0),
        "Turn the copies up to ± this: nod, tilt to a shoulder, and turn left or right.",
        minimum=0,
    )
    rotations_step_deg: float = option(1.0, "Step of these angles.", minimum=0.01)
    flips: bool = option(False, "Mirror the turned copies left and right at random.")
    axes: str = option(
        "auto",
        "Axes of the images: the scan's own, the world's (oblique scans are turned upright), or "
        "auto: the world's where the scan is turned by more than 15°.",
        choices=("auto", "scan", "world"),
    )
    mask: str = option(
        "no",
        "Black out what is no brain: yes by the dataset's masks, or a step, such as deepbet.",
        metavar="no|yes|STEP",
    )
    bias: str = option("no", "A step that evens out brightness, such as n4.", metavar="no|STEP")
    align: str = option(
        "no",
        "A step that aligns heads and channels, such as rigid, affine or channels.",
        metavar="no|STEP",
    )
    missing: str = option(
        "skip",
        "What becomes of scans that lack a channel: skip them, or keep them with it black.",
        choices=("skip", "keep"),
    )
    labels: bool = option(True, "Keep the dataset's label maps, if it has any.")
    label_values: tuple[int, ...] = option(
        (), "Only these values of label maps; the others become background."
    )
    percentiles: tuple[float, ...] = option(
        (1.0, 99.5),
        "Black is this percentile of the scan, white is this one of the head.",
        minimum=0,
        maximum=100,
    )
    dtype: str = option("uint16", "How pixels are stored.", choices=("uint16", "uint8", "float32"))
    split_seed: int = option(
        0, "Decides the splits and random turns.", minimum=0, maximum=LARGEST_SEED
    )
    split_fractions: tuple[float, ...] = option(
        FRACTIONS, "Shares of the subjects for train, validation and test."
    )
    max_subjects: int | None = option(None, "Use only the first subjects.", minimum=1)

    def __post_init__(self) -> None:
        check_fractions(self.split_fractions)
        ranges = ("slices_fraction", "slices_mm", "slices_index")
        given = [name for name in (*ranges, "sections_mm") if getattr(self, name)]
        if len(given) > 1:
            raise OptionError(
                f"slices are placed in two ways: {' and '.join(given)}; expected one."
            )
        for name in (*ranges, "percentiles"):
            limits = getattr(self, name)
            if limits and (len(limits) != 2 or limits[0] > limits[1]):
                raise self._error(name, "a lower and an upper end")
        if len(set(self.percentiles)) != 2:
            raise self._error("percentiles", "two rising numbers")
        if len(self.rotations_deg) != 3:
            raise self._error("rotations_deg", "three angles, for example 10,10,5")
        if self.patch_size is not None and (self.dims == 3 or self.rotations):
            raise OptionError(
                "patches are cut from upright slices, not from 3 dimensions or rotated copies."
            )

    def _error(self, name: str, expected: str) -> OptionError:
        values = ",".join(f"{value:g}" for value in getattr(self, name))
        return OptionError(f"{name} is {values}; expected {expected}.")

    @property
    def steps(self) -> list[str]:
        """The steps between a scan and its images, by name and in order."""
        return [n for n in (self.mask, self.bias, self.align) if n not in ("no", "yes")]

    @property
    def recorded(self) -> dict[str, Any]:
        """The options as ``images.json`` has them: steps where there are any."""
        values = {**plain(self), "mask": {"no": False, "yes": True}.get(self.mask, self.mask)}
        return {k: v for k, v in values.items() if k not in ("bias", "align") or v != "no"}

    @property
    def pixel_mm(self) -> float:
        """Edge of a pixel in mm (of a patch's pixel, it depends on the scan)."""
        return self.spacing_mm if self.spacing_mm is not None else self.fov_mm / self.size
