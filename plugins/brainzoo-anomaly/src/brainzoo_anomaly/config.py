"""The options of the evaluator ``anomaly``; imports nothing heavy."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from brainzoo.api import OptionError, option

KINDS = ("texture", "hypointense", "hyperintense", "mass")


@dataclasses.dataclass(frozen=True)
class AnomalyConfig:
    """Which lesions, and what is done with images and score maps (after StRegA)."""

    kinds: tuple[str, ...] = option(
        KINDS,
        "Simulated lesions: texture (of the same grey values), hypointense, hyperintense, mass "
        "(deformation).",
    )
    widths: tuple[float, ...] = option(
        (0.1, 0.2, 0.35), "Their widths as parts of the brain's width; each image has one of them."
    )
    shapes: Path | None = option(
        None,
        "A folder of lesion masks in standard space: adds strokes of these shapes and places.",
        metavar="FOLDER",
    )
    scans: Path | None = option(
        None,
        "Instead: images prepared alike whose label maps show lesions, as `brainzoo data brats` "
        "makes them.",
        metavar="IMAGES",
    )
    per_subject: int = option(3, "Slices of each subject at most, spread evenly.", minimum=1)
    rim: float = option(
        0.25,
        "How much is left out at the head's rim (skin, skull), as part of its half width; 0 for "
        "scans without skull.",
        minimum=0,
        maximum=0.9,
    )
    median_pixels: int = option(
        1, "Before: median filter of this width on the images; 1 for none.", minimum=1, maximum=9
    )
    smoothing_pixels: float = option(
        1.0, "After: Gaussian smoothing of score maps (standard deviation).", minimum=0
    )
    least_pixels: int = option(
        1, "After: found parts of fewer pixels or voxels are dropped.", minimum=1
    )
    percentile: float = option(
        99.0,
        "The threshold from healthy images: this percentile of their scores.",
        minimum=0,
        maximum=100,
    )
    components: int = option(64, "Components of the baseline PCA.", minimum=1)
    rounds: int = option(
        500, "Resamplings of subjects for each interval.", minimum=20, maximum=10_000
    )

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise OptionError(f"unknown lesion {kind!r}.", f"Choose from {', '.join(KINDS)}.")
        if not self.kinds:
            raise OptionError("no kinds of lesions are given.", f"Choose from {', '.join(KINDS)}.")
        if not self.widths or not all(0 < width <= 0.6 for width in self.widths):
            raise OptionError(
                f"widths are {', '.join(map(str, self.widths)) or 'none'}; expected numbers above "
                "0, at most 0.6."
            )
