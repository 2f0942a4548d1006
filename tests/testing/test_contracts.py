"""The contract suites: brainzoo's own plugins keep them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from brainzoo.data.volumes import write_nifti
from brainzoo.testing import DatasetContract, ExporterContract, make_volume


class TestNifti(ExporterContract):
    name = "nifti"


class TestPNG(ExporterContract):
    name = "png"


class TestFolder(DatasetContract):
    name = "folder"
    users_own_data = True

    def options_in(self, folder: Path) -> dict[str, Any]:
        for number in range(3):
            write_nifti(folder / f"sub-{number}_T1w.nii.gz", make_volume(seed=number))
        return {"root": folder}


class TestBIDS(DatasetContract):
    name = "bids"
    users_own_data = True

    def options_in(self, folder: Path) -> dict[str, Any]:
        for number in range(3):
            place = folder / f"sub-{number}" / "anat"
            place.mkdir(parents=True)
            write_nifti(place / f"sub-{number}_T1w.nii.gz", make_volume(seed=number))
        (folder / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.8.0"}')
        (folder / "participants.tsv").write_text(
            "participant_id\tage\tsex\nsub-0\t24\tF\nsub-1\t45\tM\nsub-2\t71\tF\n"
        )
        return {"root": folder}
