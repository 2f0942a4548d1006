"""Exports images as NIfTI volumes: one ``.nii.gz`` per image, with a BIDS-style JSON sidecar.

A slice becomes a volume of one slice; the spacing and the affine are those of the prepared images.
A real slice lies where it was cut. A synthetic one was cut nowhere: it lies at the nominal position
of the training images, and its thickness is nominal too, which the sidecar says. Where the images
have no affine (patches), it is centred on the origin and the sidecar says so. Voxels are written in
the order nearest to RAS+, as most programs expect them.
"""

from __future__ import annotations

import re
from pathlib import Path

from brainzoo.common.version import __version__
from brainzoo.data.images import Images
from brainzoo.data.placing import volume_of
from brainzoo.data.subjects import Value
from brainzoo.data.volumes import write_nifti
from brainzoo.exporters.describe import (
    FileExporter,
    describe,
    describe_image,
    public_row,
    safe_name,
    write_json,
)
from brainzoo.exporters.plugin import NiftiConfig

# What sidecars say of images without an affine, whose own is a centred one; and of all synthetic
# slices, which lie at the same place.
PLACE_UNKNOWN = "gives spacing and directions only: where in the head the image lies is unknown"
PLACE_NOMINAL = (
    "across the slice, position and slice thickness are nominal, and the same for all: "
    "a synthetic slice was cut nowhere"
)


class Nifti(FileExporter):
    """The exporter ``nifti``: ``IMAGE_ID.nii.gz``, float32 in [0, 1], and ``IMAGE_ID.json`` each.

    Images of several channels become a volume each, ``IMAGE_ID_T1w.nii.gz`` and on; a label map
    becomes ``IMAGE_ID_dseg.nii.gz``. With ``--nifti.bids`` an image is a subject of BIDS (version
    1.10), and ``participants.tsv`` says what is known of it.
    """

    config: NiftiConfig
    format = "NIfTI"

    def write_about(self, images: Images, folder: Path) -> None:
        """Write the files that BIDS asks of a derived data set."""
        about = describe(images)
        source = about.get("trained_on") or about.get("source") or {}
        dataset = {
            "Name": f"{'Synthetic' if images.synthetic else 'Real'} images exported by brainzoo",
            "BIDSVersion": "1.10.0",
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "brainzoo", "Version": __version__}],
            "License": source.get("license"),
            **about,
        }
        write_json(folder / "dataset_description.json", dataset)
        if not self.config.bids:
            return
        people = [
            {"participant_id": f"sub-{_label(safe_name(row.get('image_id')))}", **public_row(row)}
            for row in images.table
        ]
        columns = dict.fromkeys(name for row in people for name in row)
        lines = [columns, *([row.get(name) for name in columns] for row in people)]
        text = "".join("\t".join(map(_cell, line)) + "\n" for line in lines)
        (folder / "participants.tsv").write_text(text, encoding="utf-8")

    def write_image(self, images: Images, i: int, folder: Path, name: str) -> None:
        """Write the volumes of an image and its sidecar."""
        kind = "synthetic image, not for diagnosis" if images.synthetic else "real image"
        row, channels, labels = images.table[i], images.floats([i])[0], images.labels([i])
        if self.config.bids:
            name = f"sub-{_label(name)}"
            folder = folder / name / "anat"
            folder.mkdir(parents=True, exist_ok=True)
        named = _label if self.config.bids else safe_name
        suffixes = [f"_{named(channel)}" for channel in images.channel_names]
        if len(suffixes) == 1 and not self.config.bids:
            suffixes = [""]
        parts = dict(zip(suffixes, channels, strict=True))
        if labels is not None:
            parts["_dseg"] = labels[0]
        for suffix, data in parts.items():
            volume = volume_of(images, data, row.get("position_mm"))
            path = folder / f"{name}{suffix}.nii.gz"
            write_nifti(path, volume, description=f"brainzoo: {kind}", synced=False)
        about = describe_image(images, row)
        if images.info.get("affine") is None:
            about["affine"] = PLACE_UNKNOWN
        elif images.synthetic and images.dims == 2 and row.get("position_mm") is None:
            about["affine"] = PLACE_NOMINAL
        write_json(folder / f"{name}{suffixes[0] if self.config.bids else ''}.json", about)


def _label(name: str) -> str:
    """Return a name as BIDS takes it: letters and digits only."""
    return re.sub("[^A-Za-z0-9]", "", name)


def _cell(value: Value) -> str:
    return "n/a" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
