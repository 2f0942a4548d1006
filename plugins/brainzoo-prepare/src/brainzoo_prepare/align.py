"""Alignment of heads to the MNI152 template, and of a scan's channels to each other.

Nothing is interpolated here: a volume that is turned or scaled gets another affine, and preparing
samples it once, label maps by nearest neighbour.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import SimpleITK

from brainzoo.api import DataError, Subject, Volume
from brainzoo_prepare.masks import brain_mask
from brainzoo_prepare.register import Method, Start, registered
from brainzoo_prepare.scans import Matrix, Ready, Source, kept, main_channel, ras, read
from brainzoo_prepare.template import extent_mm, template

sitk: Any = SimpleITK  # untyped

VERSION = 1
"""Raised when the same scan would come to lie elsewhere."""

MOST_TURN_DEG, SCALES = 60.0, (0.6, 1.6)
"""More than this between a head and the template, or between channels, went wrong."""


class Channels:
    """The step ``channels``: the channels of a scan onto its T1w, else onto its first."""

    to_template: ClassVar[Method | None] = None

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def record(self) -> dict[str, Any]:
        """What decides the result."""
        target = {"template": "MNI152 (ICBM 2009a)"} if self.to_template else {}
        return {"version": VERSION, "simpleitk": sitk.Version.VersionString(), **target}

    def __call__(self, subject: Subject) -> Subject:
        """Return the scan with other affines.

        Raises:
            DataError: What was found cannot be true.
        """
        main = main_channel(subject)
        volumes = {name: read(source) for name, source in subject.images.items()}
        moves: dict[str, Matrix] = {main: np.eye(4)}
        for name, volume in volumes.items():
            if name != main:
                moves[name] = _move(f"rigid {name}", volume, volumes[main], "rigid")
        if self.to_template:
            brain = _brain(subject, volumes[main], main)
            onto = _move(self.to_template, brain, template(), self.to_template)
            moves = {name: onto @ move for name, move in moves.items()}
        moved = {name: Ready(_moved(volume, moves[name])) for name, volume in volumes.items()}
        grids = {name: (volume.data.shape, volume.affine) for name, volume in volumes.items()}
        follow = Follower(grids, moves, main)
        return dataclasses.replace(
            subject,
            images=moved,
            labels=follow.of(subject.labels),
            mask=follow.of(subject.mask),
            extent_mm=extent_mm() if self.to_template else subject.extent_mm,
        )


class Rigid(Channels):
    """The step ``rigid``: heads turned and shifted onto the template."""

    to_template = "rigid"


class Affine(Channels):
    """The step ``affine``: heads also scaled and sheared."""

    to_template = "affine"


@dataclasses.dataclass(frozen=True)
class Follower:
    """Moves label maps and masks as the channel whose grid they have, else as the main one."""

    grids: Mapping[str, tuple[tuple[int, ...], Matrix]]
    moves: Mapping[str, Matrix]
    main: str

    def of(self, source: Source | None) -> Source | None:
        """Return a source of the moved volume, which reads when it is called."""
        return None if source is None else Following(source, self)

    def move(self, volume: Volume) -> Matrix:
        """Return the move of the channel that a volume belongs to."""
        for name, (shape, affine) in self.grids.items():
            if shape == volume.data.shape and np.allclose(affine, volume.affine, atol=1e-3):
                return self.moves[name]
        return self.moves[self.main]


@dataclasses.dataclass(frozen=True)
class Following:
    """A label map or mask that follows a channel, as a source."""

    source: Source
    follower: Follower

    def __call__(self) -> Volume:
        """Return the moved volume."""
        volume = read(self.source)
        return _moved(volume, self.follower.move(volume))


def _moved(volume: Volume, move: Matrix) -> Volume:
    return dataclasses.replace(volume, affine=move @ volume.affine)


def _brain(subject: Subject, volume: Volume, main: str) -> Volume:
    """Return the main channel with everything outside the brain black, as the template has it."""
    scan = ras(volume)
    mask = ras(read(subject.mask)) if subject.mask is not None else brain_mask(volume)
    if mask.data.shape != scan.data.shape or not np.allclose(mask.affine, scan.affine, atol=1e-3):
        mask = brain_mask(volume)  # the data set's own mask lies on another grid
    low = scan.data.min()
    return Volume(np.where(mask.data > 0, scan.data - low, 0).astype(np.float32), scan.affine)


def _move(name: str, moving: Volume, fixed: Volume, method: Method) -> Matrix:
    """Return the 4 × 4 matrix that brings a volume onto another, in RAS+ millimetres.

    Raises:
        DataError: It turns or scales by more than any patient needs.
    """
    scan, onto = ras(moving), ras(fixed)
    start: Start = "moments" if fixed is template() else "headers"
    key = f"move-{method} {VERSION} {start}"
    found: Matrix = kept(key, [scan, onto], lambda: registered(scan, onto, method, start))
    left, scales, right = np.linalg.svd(found[:3, :3])
    angle = float(np.degrees(np.arccos(np.clip((np.trace(left @ right) - 1) / 2, -1, 1))))
    if angle > MOST_TURN_DEG or not SCALES[0] < scales.min() <= scales.max() < SCALES[1]:
        raise DataError(
            f"it cannot be aligned ({name}): it would be turned by {angle:.0f}° and scaled by "
            f"{scales.min():.2f} to {scales.max():.2f}."
        )
    return found
