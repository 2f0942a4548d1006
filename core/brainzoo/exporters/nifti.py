"""Exports images as NIfTI volumes: one ``.nii.gz`` an image, with a BIDS-style JSON sidecar.

A slice becomes a volume of one slice; the spacing and the affine are those of the prepared images.
A real slice lies where it was cut. A synthetic one was cut nowhere: it lies at the nominal position
of the training images, and its thickness is nominal too, which the sidecar says. Where the images
have no affine (patches), it is centred on the origin and the sidecar says so. Voxels are written in
the order nearest to RAS+, as most programs expect them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from brainzoo.common import console
from brainzoo.common.files import new_folder
from brainzoo.common.version import __version__
from brainzoo.data.images import Images
from brainzoo.data.subjects import Value
from brainzoo.data.volumes import Volume, write_nifti
from brainzoo.exporters.config import NiftiConfig
from brainzoo.exporters.describe import describe, describe_image, file_names, limited
from brainzoo.plugin.interfaces import Exporter

# Directions in RAS+ of a slice's rows, columns and normal, where images.json has no affine.
_PLANES = {
    "axial": ([0, -1, 0], [-1, 0, 0], [0, 0, 1]),
    "coronal": ([0, 0, -1], [-1, 0, 0], [0, 1, 0]),
    "sagittal": ([0, 0, -1], [0, -1, 0], [1, 0, 0]),
}


DATASET = "dataset_description.json"

PLACE_UNKNOWN = "tells spacing and directions only: where in the head the image lies is unknown"
"""What sidecars say of images without an affine, for example patches: theirs is a centred one."""


PLACE_NOMINAL = (
    "across the slice, position and slice thickness are nominal, and the same for all: "
    "a synthetic slice was cut nowhere"
)
"""What sidecars say of synthetic slices: all lie at the same place."""


class Nifti(Exporter):
    """The exporter ``nifti``."""

    config: NiftiConfig

    def export(self, images: Images, folder: Path, *, run: Path | None = None) -> list[Path]:
        """Write ``IMAGE_ID.nii.gz`` and ``IMAGE_ID.json`` for each image, float32 in [0, 1].

        Images of several channels become several volumes, ``IMAGE_ID_channel-1.nii.gz`` and on.

        Args:
            images: Real or synthetic images, 2-D or 3-D.
            folder: The new folder.
            run: Not used.

        Returns:
            The files written, sorted.

        Raises:
            ExistsError: The folder is already there.
            DataError: There are no images, or their ids make no distinct file names.
        """
        images = limited(images, self.config.limit)
        names = file_names(images)
        with (
            new_folder(folder) as temporary,
            console.progress("writing NIfTI", len(images)) as advance,
        ):
            _write_json(temporary / DATASET, _dataset(images))
            for i, name in enumerate(names):
                _write_image(images, i, temporary, name)
                advance(1)
        return sorted(path for path in folder.iterdir() if path.is_file())

    def export_part(self, images: Images, folder: Path, *, start: int) -> list[Path]:
        """Write the files of some images; see :meth:`brainzoo.Exporter.export_part`."""
        files = []
        if start == 0:
            _write_json(folder / DATASET, _dataset(images))
            files.append(folder / DATASET)
        for i, name in enumerate(file_names(images)):
            files += _write_image(images, i, folder, name)
        return files


def _write_image(images: Images, i: int, folder: Path, name: str) -> list[Path]:
    """Write the volumes of an image and its sidecar."""
    kind = "synthetic image, not for diagnosis" if images.synthetic else "real image"
    row, channels = images.table[i], images.floats([i])[0]
    files = []
    for channel, data in enumerate(channels, start=1):
        own = name + (f"_channel-{channel}" if len(channels) > 1 else "")
        volume = volume_of(images, data, row.get("position_mm"))
        files.append(folder / f"{own}.nii.gz")
        write_nifti(files[-1], volume, description=f"brainzoo: {kind}", synced=False)
    about = describe_image(images, row)
    if images.info.get("affine") is None:
        about["affine"] = PLACE_UNKNOWN
    elif images.synthetic and images.dims == 2 and row.get("position_mm") is None:
        about["affine"] = PLACE_NOMINAL
    files.append(folder / f"{name}.json")
    _write_json(files[-1], about)
    return files


def volume_of(images: Images, data: NDArray[Any], position_mm: Value = None) -> Volume:
    """Return one channel of an image as a volume in the voxel order nearest to RAS+.

    Args:
        images: Where spacing, plane and affine are described.
        data: (height, width) or (x, y, z) in [0, 1].
        position_mm: How far a slice lies from the nominal position along its normal.
    """
    affine = _affine(images)
    if data.ndim == 2:
        data = data[:, :, None]
        if isinstance(position_mm, float | int):
            normal = affine[:3, 2] / np.linalg.norm(affine[:3, 2])
            affine[:3, 3] += position_mm * normal
    image = nib.Nifti1Image(data.astype(np.float32), affine)  # type: ignore[no-untyped-call]
    turned = nib.as_closest_canonical(image)  # type: ignore[no-untyped-call]
    return Volume(np.ascontiguousarray(turned.dataobj), turned.affine)


def _affine(images: Images) -> NDArray[np.float64]:
    """Return voxel to RAS+ mm as described, else a centred one made of plane and spacing."""
    if images.info.get("affine") is not None:
        return np.array(images.info["affine"], dtype=np.float64)
    shape = (*images.spatial, 1)[:3]
    spacing = [float(mm) for mm in images.info.get("spacing_mm") or [1.0] * images.dims]
    directions = np.eye(3)
    if images.dims == 2:
        directions = np.array(_PLANES.get(str(images.info.get("plane")), _PLANES["axial"])).T
        spacing.append(max(spacing))  # a thickness must be written, and none is known
    zooms = directions * np.array(spacing)
    centre = zooms @ (np.array(shape) - 1) / 2
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = zooms, -centre
    return affine


def _dataset(images: Images) -> dict[str, Any]:
    """Return the dataset_description.json that BIDS asks of a derived data set."""
    about = describe(images)
    kind = "Synthetic" if images.synthetic else "Real"
    source = about.get("trained_on") or about.get("source") or {}
    return {
        "Name": f"{kind} images exported by brainzoo",
        "BIDSVersion": "1.10.0",
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "brainzoo", "Version": __version__}],
        "License": source.get("license"),
        **about,
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
