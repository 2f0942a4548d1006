"""What datasets yield: the images of a person, their label map, and what is known of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainzoo.data.volumes import Volume

Value = str | float | None
"""What a cell of a table holds: text, a number, or nothing known."""

Point = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Subject:
    """One scan of one person: the images of all contrasts that were taken together.

    A dataset may yield several with the same ``id``: they always fall into the same split.

    Attributes:
        id: The person's pseudonym in the dataset; never a name.
        images: Where each channel comes from, for example ``{"T1w": path, "FLAIR": path}``: a file
            (a volume, or a picture of one slice) or a function that makes the volume. Grids may
            differ.
        scan: Distinguishes several scans of one person; empty where there is only one.
        covariates: What is known of the person at this scan: ``age`` in years, ``sex`` (``F`` or
            ``M``), ``site``, and whatever else the dataset's table holds that identifies nobody.
        class_name: The class that the dataset itself assigns (a class sub-folder), if any.
        labels: The label map of the scan, a file or a function; 0 is background. What the other
            values mean, the dataset says (:attr:`brainzoo.plugin.interfaces.Dataset.label_names`).
        mask: A file or function whose non-zero voxels are brain, if there is one.
        key: What identifies the content for caching where sources are functions.
        extent_mm: The lower and upper corner of the brain in RAS+ millimetres, of scans that lie in
            a space of their own, as after alignment; its middle becomes that of the images.
    """

    id: str
    images: Mapping[str, Path | Callable[[], Volume]]
    scan: str = ""
    covariates: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    class_name: str | None = None
    labels: Path | Callable[[], Volume] | None = None
    mask: Path | Callable[[], Volume] | None = None
    key: str = ""
    extent_mm: tuple[Point, Point] | None = None

    @property
    def source(self) -> Path | Callable[[], Volume]:
        """The first channel's file or function."""
        return next(iter(self.images.values()))


def channels_of(dataset_channels: Sequence[str], subjects: Iterable[Subject]) -> tuple[str, ...]:
    """Return the channels that were asked for, else all that the subjects have."""
    return tuple(dataset_channels) or tuple(
        dict.fromkeys(channel for subject in subjects for channel in subject.images)
    )
