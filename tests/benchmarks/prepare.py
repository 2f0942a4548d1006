"""Volumes per second against TorchIO and MONAI: python tests/benchmarks/prepare.py

Every way makes the same 20 axial slices of 128 × 128 at 1 mm from 256 × 256 × 150 int16 .nii.gz
volumes, in one process, with its own defaults for threads; the runs are interleaved and medians
are printed. The volumes are those of ../shared/data/ixi-t1-full as int16 (without skull), or made
up, with noise everywhere: files five times as large, a scan at its worst. MONAI and TorchIO are
compared where they are installed.

The difference is of the slices at the very same places, with the same black and white.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from contest import Contest, Way, for_seconds, main, say
from peers import there

from brainzoo.data.subjects import Subject
from brainzoo.data.volumes import Volume, read_volume, write_nifti
from brainzoo.plugin.interfaces import Dataset
from brainzoo.preparation.head import find_head, foreground
from brainzoo.preparation.prepare import PrepareConfig, prepare
from brainzoo.preparation.scan import Scan
from brainzoo.preparation.subject import prepare_subject

REAL = Path(__file__).parents[3] / "shared/data/ixi-t1-full"
DEFAULTS = {"many": 0, "made_up": 0}
CONFIG = PrepareConfig(size=128, spacing_mm=1.0, slices=20)
Slices = np.ndarray[Any, np.dtype[np.float32]]


class Folder(Dataset):
    """The same volumes over and over."""

    def __init__(self, paths: list[Path], count: int) -> None:
        super().__init__(None)
        self.paths, self.count = paths, count

    def subjects(self) -> Iterator[Subject]:
        for i in range(self.count):
            yield Subject(f"s{i:03d}", {"T1w": self.paths[i % len(self.paths)]})


def volumes(folder: Path, *, made_up: bool) -> list[Path]:
    """Write int16 volumes and return their paths."""
    paths = []
    real = [] if made_up else sorted(REAL.glob("*.nii.gz"))
    for path in real:
        volume = read_volume(path)
        data = np.rint(volume.data).astype(np.int16)
        paths.append(folder / path.name)
        write_nifti(paths[-1], Volume(data, volume.affine))
    random = np.random.default_rng(0)
    for number in range(0 if real else 6):
        x, y, z = np.ogrid[-1:1:256j, -1:1:256j, -1:1:150j]
        radius = np.sqrt((x / 0.8) ** 2 + (y / 0.75) ** 2 + (z / 0.8) ** 2)
        data = (radius < 1) * (800 + 400 * np.cos(9 * radius)) + random.normal(0, 12, radius.shape)
        data = np.abs(data)
        # Voxel axes run to posterior, superior and right, as in IXI.
        affine = np.array(
            [[0, 0, 1.2, -90], [-0.9375, 0, 0, 120], [0, 0.9375, 0, -120], [0, 0, 0, 1]]
        )
        paths.append(folder / f"synthetic{number}.nii.gz")
        write_nifti(paths[-1], Volume(data.astype(np.int16), affine))
    return paths


def levels(volume: Volume) -> tuple[float, float]:
    """Return black and white as brainzoo defines them, from all voxels."""
    inside = foreground(volume.data)
    low, high = CONFIG.percentiles
    return float(np.percentile(volume.data, low)), float(np.percentile(volume.data[inside], high))


def ours(path: Path) -> None:
    assert not prepare_subject(Subject("s", {"T1w": path}), CONFIG).failure


def ours_at(path: Path, centres_mm: list[Any]) -> Slices:
    """Return slices (20, 128, 128) as (z, x, y) at given places in the scan's frame."""
    scan = Scan.of(read_volume(path), "scan")
    head = find_head(scan, CONFIG.percentiles)
    values = scan.along_axes(centres_mm, [1.0, 1.0, 0.0], head.black)
    return np.clip((values - head.black) / (head.white - head.black), 0, 1).transpose(2, 0, 1)


def place(path: Path) -> tuple[list[int], list[int]]:
    """Return the first x and y and the z of the slices on a 1 mm grid."""
    scan = Scan.of(read_volume(path), "scan")
    head = find_head(scan, CONFIG.percentiles)
    x, y, _ = (head.centre_mm - 64).round().astype(int).clip(0).tolist()
    z = np.linspace(head.level_mm(2, 0.3), head.level_mm(2, 0.8), 20).round().astype(int)
    return [x, y], z.tolist()


def crop(values: Any, where: tuple[list[int], list[int]]) -> Slices:
    (x, y), z = where
    return np.asarray(values)[x : x + 128, y : y + 128, z].transpose(2, 0, 1)


def torchio(path: Path, where: Any, *, scaled: bool = True) -> tuple[Slices, Any]:
    """Return slices and the affine of the whole 1 mm volume."""
    import torchio as tio

    image = tio.Resample(1)(tio.ToCanonical()(tio.ScalarImage(path)))
    if scaled:
        image = tio.RescaleIntensity((0, 1), percentiles=CONFIG.percentiles)(image)
    return crop(image.data[0], where), image.affine


def monai(path: Path, where: Any, *, scaled: bool = True) -> tuple[Slices, Any]:
    """Return slices and the affine of the whole 1 mm volume."""
    from monai import transforms

    low, high = CONFIG.percentiles
    steps = [
        transforms.LoadImage(image_only=True, ensure_channel_first=True),
        transforms.Orientation("RAS", labels=(("L", "R"), ("P", "A"), ("I", "S"))),
        transforms.Spacing((1, 1, 1)),
    ]
    if scaled:
        steps.append(transforms.ScaleIntensityRangePercentiles(low, high, 0, 1, clip=True))
    image = transforms.Compose(steps)(path)
    return crop(image[0], where), np.asarray(image.affine)


def difference(path: Path, way: Callable[..., tuple[Slices, Any]], where: Any) -> float:
    """Return the mean difference in grey levels of 255 to slices at the very same places."""
    volume = read_volume(path)
    theirs, affine = way(path, where, scaled=False)
    black, white = levels(volume)
    theirs = np.clip((theirs - black) / (white - black), 0, 1)
    # Where the first voxel of their grid lies, from our first voxel in RAS+ order.
    orientation = nibabel.io_orientation(volume.affine)
    ras = volume.affine @ nibabel.orientations.inv_ornt_aff(orientation, volume.data.shape)
    spacing = np.linalg.norm(ras[:3, :3], axis=0)
    first = (np.linalg.inv(ras) @ affine[:, 3])[:3] * spacing
    (x, y), z = where
    axes = [np.arange(x, x + theirs.shape[1]), np.arange(y, y + theirs.shape[2]), np.array(z)]
    mine = ours_at(path, [start + axis for start, axis in zip(first, axes, strict=True)])
    return float(np.abs(mine - theirs).mean() * 255)


def contests(given: Any) -> Iterator[Contest]:
    """Yield the contest; the differences of the slices are its note."""
    warnings.simplefilter("ignore")  # of the other libraries
    with tempfile.TemporaryDirectory() as name:
        paths = volumes(Path(name), made_up=given.made_up)
        wheres = {path: place(path) for path in paths}
        ways = [Way("brainzoo", over(paths, ours))]
        notes = []
        for library, title, way in (("torchio", "TorchIO", torchio), ("monai", "MONAI", monai)):
            if there(library):
                ways.append(Way(title, over(paths, lambda path, way=way: way(path, wheres[path]))))
                found = statistics.mean(difference(path, way, wheres[path]) for path in paths[:2])
                notes.append(f"mean difference to {title}'s slices {found:.2f} of 255")
        size = statistics.mean(path.stat().st_size for path in paths) / 1e6
        kind = "made-up heads, noise everywhere" if "synthetic" in paths[0].name else "IXI"
        title = f"preparing 20 slices of 128 × 128, {kind}, {size:.1f} MB a volume, one process"
        yield Contest(
            title, "volumes/s", ways, "; ".join(notes).capitalize() + "." if notes else ""
        )
        if given.many:
            many(paths, given.many, Path(name))


def over(paths: list[Path], way: Callable[[Path], Any]) -> Callable[[float], float]:
    """Return a way that does one volume after the other, all of them in turn."""
    endless = itertools.cycle(paths)

    def one() -> int:
        way(next(endless))
        return 1

    return lambda seconds: for_seconds(one, seconds)


def many(paths: list[Path], count: int, folder: Path) -> None:
    """Time ``prepare`` as a whole with one and two workers."""
    os.environ["BRAINZOO_HOME"] = str(folder / "home")
    for workers in (1, 2):
        started = time.perf_counter()
        config = dataclasses.replace(CONFIG, split_seed=workers)
        prepare(Folder(paths, count), config, name="benchmark", workers=workers, quiet=True)
        rate = count / (time.perf_counter() - started)
        total = 581 / rate
        say(f"prepare, {workers} worker(s): {rate:.1f} volumes/s; 581 volumes take {total:.0f} s")


if __name__ == "__main__":
    main(contests, __doc__, **DEFAULTS | {"many": 120})
