"""From images to stacks: one volume each, in order along its normal, and what is wrong with it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pydicom
from numpy.typing import NDArray

from brainzoo_dicom.headers import Header, Slice
from brainzoo_dicom.quiet import quiet

SAME_MM = 0.01
"""Images nearer than this lie at the same place."""

UNEVEN = 0.25
"""How much of the spacing a single gap may differ: some scanners round positions to 0.1 mm."""


@dataclasses.dataclass(frozen=True, repr=False)
class Stack:
    """Images of one series that lie behind each other.

    ``problem`` says why they make no volume; ``copies`` counts files that were there before.
    """

    slices: tuple[Slice, ...]
    problem: str = ""
    copies: int = 0

    @property
    def first(self) -> Slice:
        """The image at the lower end."""
        return self.slices[0]

    @property
    def header(self) -> Header:
        """What the first image says of series, study and person."""
        return self.first.header

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distances of columns, of rows, and of images."""
        places = distances(self.slices)
        step = (places[-1] - places[0]) / max(len(places) - 1, 1)
        return self.first.spacing[1], self.first.spacing[0], float(step)


def stacks_of(slices: Iterable[Slice]) -> list[Stack]:
    """Sort images into stacks, in a stable order.

    A series may hold several: of other directions, sizes, echoes, or phase beside magnitude.
    """
    series: dict[tuple[str, ...], list[Slice]] = defaultdict(list)
    for one in slices:  # a series that was given another patient is another's
        series[one.header.patient, one.header.study, one.header.series].append(one)
    stacks = []
    for images in series.values():
        alike: list[list[Slice]] = []
        for one in images:
            group = next((group for group in alike if _alike(group[0], one)), None)
            if group is None:
                alike.append(group := [])
            group.append(one)
        stacks += [_arranged(group) for group in alike]
    return sorted(
        stacks, key=lambda stack: (stack.header.patient, stack.header.study, _order(stack))
    )


def _order(stack: Stack) -> tuple[int, str, float]:
    header = stack.header
    return header.number or 0, header.series, stack.first.echo or 0.0


def _alike(one: Slice, other: Slice) -> bool:
    """Return whether images may belong to one volume."""
    directions = np.subtract(
        (*one.along_row, *one.along_column), (*other.along_row, *other.along_column)
    )
    spacings = np.subtract(one.spacing, other.spacing)
    return (
        one.shape == other.shape
        and one.frame_type[2:3] == other.frame_type[2:3]
        and abs((one.echo or 0.0) - (other.echo or 0.0)) < 0.1
        and bool(abs(directions).max() < 0.01)
        and bool(abs(spacings).max() < 0.001)
    )


def distances(slices: Sequence[Slice]) -> NDArray[np.float64]:
    """Return how far images lie along their normal, in millimetres."""
    normal = np.cross(slices[0].along_row, slices[0].along_column)
    return np.asarray([one.position for one in slices], np.float64) @ normal


def _arranged(images: list[Slice]) -> Stack:
    """Put images in order along their normal, without copies, and say what is wrong."""
    unique: dict[object, Slice] = {}
    for one in images:
        unique.setdefault((one.header.sop or one.path, one.frame, one.tile), one)
    places = list(_places(list(unique.values())))
    most = max(map(len, places))
    if most > 1 and all(len(group) == most for group in places) and any(map(_differ, places)):
        firsts = tuple(group[0] for group in places)
        several = f"holds {most} volumes of {len(places)} slices; expected one"
        return Stack(firsts, several, len(images) - len(unique))
    places = [_without_copies(group) for group in places]
    slices = tuple(group[0] for group in places)
    return Stack(slices, _problem(places), len(images) - sum(map(len, places)))


def _places(images: list[Slice]) -> Iterator[list[Slice]]:
    """Yield the images at each place, from the lower end."""
    places = distances(images)
    group: list[Slice] = []
    last = 0.0
    for i in sorted(range(len(images)), key=lambda i: (places[i], images[i].instance)):
        if group and places[i] - last > SAME_MM:
            yield group
            group = []
        group.append(images[i])
        last = places[i]
    yield group


def _differ(images: list[Slice]) -> bool:
    """Return whether images at one place have different pixels; reads no more than it must."""
    first = _pixels(images[0])
    return any(_pixels(one) != first for one in images[1:])


def _without_copies(images: list[Slice]) -> list[Slice]:
    """Return the images of a place whose pixels differ."""
    if len(images) == 1:
        return images
    return list({_pixels(one): one for one in reversed(images)}.values())[::-1]


def _pixels(one: Slice) -> object:
    if one.frame >= 0 or one.tile >= 0:
        return one.header.sop, one.path, one.frame, one.tile
    with quiet():
        try:
            content = pydicom.dcmread(one.path, specific_tags=["PixelData"]).PixelData
        except Exception:  # reading the volume will say what is wrong with it
            return one.path
    return hashlib.sha256(content).digest()


def _problem(places: list[list[Slice]]) -> str:
    """Return why images make no volume, to be read behind the name of their series."""
    slices = [group[0] for group in places]
    twice = [group for group in places if len(group) > 1]
    if twice:
        numbers = " and ".join(str(one.instance) for one in twice[0][:3])
        return (
            f"has other pixels at one place in {len(twice)} of {len(places)} slices (images "
            f"{numbers}, for example); expected one image a slice"
        )
    if len(slices) < 2:
        return "is a single slice; expected a volume"
    steps = np.diff(distances(slices))
    usual = float(np.median(steps))
    gaps = [i for i, step in enumerate(steps) if step > (2 - UNEVEN) * usual]
    whole = np.rint(steps / usual)
    if gaps and bool((abs(steps / usual - whole) < UNEVEN).all()):
        lost = int(whole.sum()) + 1 - len(slices)
        between = " and ".join(str(slices[gaps[0] + side].instance) for side in (0, 1))
        return (
            f"lacks {lost} of {len(slices) + lost} slices: between images {between} are "
            f"{steps[gaps[0]]:.3g} mm, elsewhere {usual:.3g} mm"
        )
    if bool((abs(steps / usual - 1) > UNEVEN).any()):
        return f"has slices at uneven distances, {steps.min():.3g} to {steps.max():.3g} mm"
    ends = np.asarray(slices[-1].position) - np.asarray(slices[0].position)
    line = np.linspace(0, 1, len(slices))[:, None] * ends + np.asarray(slices[0].position)
    aside = np.linalg.norm(np.asarray([one.position for one in slices]) - line, axis=1).max()
    if aside > max(1.0, usual / 2):
        return f"has slices that do not lie behind each other, by {aside:.3g} mm"
    return ""
