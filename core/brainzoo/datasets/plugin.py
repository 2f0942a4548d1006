"""Offers the datasets ``folder``, ``bids`` and ``ixi``."""

from __future__ import annotations

from brainzoo.datasets.config import BidsConfig, FolderConfig, IxiConfig
from brainzoo.plugin.hookspecs import hookimpl
from brainzoo.plugin.interfaces import Spec


@hookimpl
def brainzoo_datasets() -> list[Spec]:
    """Return the datasets of the core."""
    return [
        Spec(
            "folder",
            "brainzoo.datasets.folder:Folder",
            FolderConfig,
            "Any folder of .nii/.nii.gz volumes, or of PNG/JPEG/TIFF/NPY slices in class folders.",
        ),
        Spec(
            "bids",
            "brainzoo.datasets.bids:Bids",
            BidsConfig,
            "A BIDS dataset: sub-*/[ses-*/]anat, participants.tsv, dataset_description.json.",
        ),
        Spec(
            "ixi",
            "brainzoo.datasets.ixi:Ixi",
            IxiConfig,
            "IXI: nearly 600 healthy adults of three London hospitals; local or downloaded.",
        ),
    ]
