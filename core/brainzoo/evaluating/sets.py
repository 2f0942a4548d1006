"""The sets that evaluators compare: folders of images, or plain folders of pictures or volumes.

Who has images from elsewhere can have them measured as they are: nothing is resampled or cut.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from brainzoo.common import console
from brainzoo.common.errors import DataError, NotFoundError
from brainzoo.data.images import Images
from brainzoo.data.pixels import from_floats
from brainzoo.data.tables import Row
from brainzoo.data.volumes import read_volume
from brainzoo.datasets.config import subject_regex
from brainzoo.datasets.folder import SLICE, find_table
from brainzoo.datasets.names import STUDY_IDS
from brainzoo.datasets.tree import PICTURES, VOLUMES, files_below, stem
from brainzoo.preparation.pictures import grey_values

_nibabel: Any = nibabel  # typed in part only

SYNTHETIC = "synthetic"
OVERSHOOT = 0.05  # of a network or of interpolation, beyond [0, 1]
FAR = 1e-3  # of the values may lie farther out still
LEFT_OUT = ("grid.png", "grid_real.png")
"""Pictures of many images that brainzoo's own exports hold beside those of one."""

PERCENTILES = (1.0, 99.5)
"""What becomes black and white where values have no known range, as in preparing scans."""


@dataclasses.dataclass(frozen=True)
class _Plain:
    """A folder of pictures or volumes that brainzoo did not write."""

    folder: Path
    files: Sequence[Path]

    @property
    def volumes(self) -> bool:
        return self.files[0].name.lower().endswith(VOLUMES)

    @property
    def top(self) -> Path:
        """The folder below which they differ: not ``images`` of an export."""
        return Path(os.path.commonpath([path.parent for path in self.files]))

    @property
    def sub_folders(self) -> set[str]:
        """The names of folders that files lie in, one below the top."""
        places = [path.relative_to(self.top) for path in self.files]
        return {place.parts[-2] for place in places if len(place.parts) == 2}


def open_images(
    folder: Path, *, synthetic: bool = False, subject_pattern: str | None = None
) -> Images:
    """Open a folder of images, a run's samples, or a plain folder; see :func:`open_sets`."""
    name = SYNTHETIC if synthetic else "images"
    return open_sets({name: folder}, subject_pattern=subject_pattern)[name]


def open_sets(
    folders: Mapping[str, Path], *, subject_pattern: str | None = None
) -> dict[str, Images]:
    """Open folders of images, a run's samples, or plain folders of pictures or NIfTI files.

    In a plain folder every file is one image: volumes (``.nii``, ``.nii.gz``; one slice thick is a
    slice) if there are any, else pictures (``.png``, ``.jpg``, ``.tif``, ``.npy``), of one size.
    What is black and white is decided once, for all plain folders alike: 8 and 16 bits and floats
    in [0, 1] are taken as they are (single values beyond are cut off); if any folder holds other
    values, all are scaled image by image, and a warning says so. The subject of a real image is:

    1. what the group of ``subject_pattern`` finds in the path below the folder;
    2. ``sub-XXX`` or ``IXI123`` in that path;
    3. the name of the sub-folder that the file lies in, unless sub-folders are classes: the same
       names in several of the folders;
    4. the file's name without a slice number that is called one (``_slice-12``, ``_z012``).

    The first sub-folder is the class where it is not the subject's. ``participants.tsv`` or
    ``.csv`` in the folder may tell class, age, sex and more. Those named ``synthetic`` hold images
    of a generator, and have no subjects.
    """
    found: dict[str, Images] = {}
    plain: dict[str, _Plain] = {}
    for name, folder in folders.items():
        if name == SYNTHETIC and (folder / "samples" / "images.json").is_file():
            folder = folder / "samples"
        if any((folder / file).is_file() for file in ("images.json", "pixels.npy")):
            found[name] = Images.open(folder)
        elif not folder.is_dir():
            raise NotFoundError(f"there is no folder {folder}.", "Check its name.")
        else:
            plain[name] = _Plain(folder, _image_files(folder))
    pattern = subject_regex(subject_pattern, "--subject-pattern") if subject_pattern else None
    below = [one.sub_folders for one in plain.values() if one.sub_folders]
    classes = set.intersection(*below) if len(below) > 1 else set()
    rows = {
        name: _rows(one, pattern, classes, synthetic=name == SYNTHETIC)
        for name, one in plain.items()
    }
    values = {name: _read_all(one) for name, one in plain.items()}
    for name, pixels in _as_pixels(values).items():
        one = plain[name]
        info = {
            "dims": pixels.ndim - 2,
            "plane": None,
            "spacing_mm": _spacing(one, pixels),
            "affine": None,
            "value_range": [0, 1],
            "source": {"name": one.folder.name, "license": "unknown", "simulated": False},
            "classes": sorted({str(row["class"]) for row in rows[name] if row.get("class")}),
            "synthetic": name == SYNTHETIC,
        }
        images = Images(pixels, rows[name], info)
        images.info["fingerprint"] = describe_set(images)["fingerprint"]
        found[name] = images
        of = "" if name == SYNTHETIC else f" of {len(images.subjects())} subjects"
        console.note(
            f"{one.folder}: {len(images)} images{of}, classes: "
            f"{', '.join(images.classes) or 'none'}"
        )
    return {name: found[name] for name in folders}


def describe_set(images: Images) -> dict[str, Any]:
    """Return what a set of images is known by: fingerprint, and numbers of images and subjects.

    The fingerprint is of the pixels, subjects and classes of these very images only.
    """
    digest = hashlib.sha256(f"{images.dtype} {images.channels} {images.spatial}".encode())
    for row in images.table:
        digest.update(repr((row.get("subject"), row.get("class"))).encode())
    for start in range(0, len(images), 256):
        part = images.read(np.arange(start, min(start + 256, len(images))))
        digest.update(np.ascontiguousarray(part).tobytes())
    return {
        "fingerprint": digest.hexdigest(),
        "images": len(images),
        "subjects": len(images.subjects()),
    }


def _image_files(folder: Path) -> list[Path]:
    files, _, _ = files_below(folder)
    for endings in (VOLUMES, PICTURES):
        found = [p for p in files if p.name.lower().endswith(endings) and p.name not in LEFT_OUT]
        if found:
            return found
    raise DataError(
        f"{folder} holds no images: {len(files)} files, none a {', '.join((*VOLUMES, *PICTURES))}.",
        "Give a folder that brainzoo prepared or sampled, or one of pictures or NIfTI files.",
    )


def _rows(
    plain: _Plain, pattern: re.Pattern[str] | None, classes: set[str], *, synthetic: bool
) -> list[Row]:
    table = find_table(plain.folder, None)
    rows: list[Row] = []
    for path in plain.files:
        place = path.relative_to(plain.top)
        row: Row = {"image_id": place.with_name(stem(path)).as_posix()}
        subject, of_folder = ("", False) if synthetic else _subject(place, pattern, classes)
        known = (table.find(subject or stem(path), stem(path)) if table else None) or {}
        parents = place.parts[: -2 if of_folder else -1]
        own_class = known.pop("class", None) or (parents[0] if parents else None)
        row |= {"class": str(own_class) if own_class else None, **known}
        rows.append(row if synthetic else row | {"subject": subject})
    return rows


def _subject(place: Path, pattern: re.Pattern[str] | None, classes: set[str]) -> tuple[str, bool]:
    """Return the subject of a file, and whether its folder is named after it."""
    above = place.parts[-2] if len(place.parts) > 1 else ""
    if pattern is not None:
        match = pattern.search(place.name) or pattern.search(place.as_posix())
        if not match or not match[1]:
            raise DataError(
                f"--subject-pattern {pattern.pattern!r} finds no subject in {place.as_posix()!r}.",
                "Every real image needs a subject, so that no person is in train and in test.",
            )
        return match[1], match[1] in above
    match = STUDY_IDS.search(stem(place)) or STUDY_IDS.search(place.as_posix())
    if match:
        return match[0], match[0] in above
    if above and above not in classes:
        return above, True
    return SLICE.sub("", stem(place)) or stem(place), False


def _read_all(plain: _Plain) -> list[NDArray[Any]]:
    """Read every file of a folder: arrays of one shape, as stored."""
    read: Callable[[Path], NDArray[Any]] = _volume if plain.volumes else _picture
    found: list[NDArray[Any]] = []
    with console.progress(f"reading {plain.folder.name}", len(plain.files)) as advance:
        for path in plain.files:
            values = read(path)
            if found and values.shape != found[0].shape:
                sizes = " and ".join(" × ".join(map(str, v.shape)) for v in (found[0], values))
                raise DataError(
                    f"images below {plain.folder} differ in size: {sizes} ({plain.files[0].name}, "
                    f"{path.name}); expected one size.",
                    "Prepare them alike, for example with: brainzoo data folder --data.root DIR",
                )
            found.append(values)
            advance(1)
    return found


def _spacing(plain: _Plain, pixels: NDArray[Any]) -> list[float] | None:
    if not plain.volumes or pixels.ndim < 5:
        return None  # of a slice: which of the three it is depends on how it lies
    return [round(mm, 3) for mm in read_volume(plain.files[0]).spacing_mm]


def _as_pixels(sets: Mapping[str, Sequence[NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Return ``(image, 1, *spatial)`` of each set; what is black and white is one decision."""
    make = _cut
    if not all(map(_has_range, sets.values())):
        make = _scaled
        console.warn(
            "values have no known range: every image of these folders is scaled by its own "
            f"percentiles {PERCENTILES[0]:g} and {PERCENTILES[1]:g}."
        )
    return {name: np.stack([make(v) for v in values])[:, None] for name, values in sets.items()}


def _has_range(values: Sequence[NDArray[Any]]) -> bool:
    """Return whether black and white are known: by the type, or since floats lie in [0, 1]."""
    kinds = {v.dtype for v in values}
    if kinds == {np.dtype(np.uint8)}:
        return True
    if kinds == {np.dtype(np.uint16)}:
        return bool(max(v.max() for v in values) > np.iinfo(np.uint16).max // 2)
    far = sum(int(((v < -OVERSHOOT) | (v > 1 + OVERSHOOT)).sum()) for v in values)
    return all(kind.kind == "f" for kind in kinds) and far <= FAR * sum(v.size for v in values)


def _cut(values: NDArray[Any]) -> NDArray[Any]:
    return values if values.dtype.kind == "u" else np.clip(values, 0, 1).astype(np.float32)


def _scaled(values: NDArray[Any]) -> NDArray[Any]:
    low, high = (float(p) for p in np.percentile(values, PERCENTILES))
    scaled = (values.astype(np.float32) - low) / max(high - low, 1e-12)
    return from_floats(scaled, "uint16")


def _volume(path: Path) -> NDArray[Any]:
    """Return a volume in RAS+ order; one that is one voxel thick as the slice that is seen."""
    volume = read_volume(path)
    data: NDArray[Any] = np.asarray(
        _nibabel.apply_orientation(volume.data, _nibabel.io_orientation(volume.affine))
    )
    thin = [axis for axis, length in enumerate(data.shape) if length == 1]
    if not thin:
        return data
    axis = thin[-1]
    plane = np.take(data, 0, axis=axis)
    # As slices are stored: rows go down from anterior or superior, columns from the right or front.
    return np.ascontiguousarray(plane.T[::-1, ::-1])


def _picture(path: Path) -> NDArray[Any]:
    """Return a picture as grey values ``(height, width)``, as stored."""
    values = grey_values(path)
    if values.ndim not in (2, 3):
        shape = " × ".join(map(str, values.shape))
        raise DataError(
            f"{path.name} has shape {shape}; expected one grey slice or volume.",
            "Save every slice or volume in a file of its own.",
        )
    return values
