"""Offers the datasets of the core: any folder, BIDS, and the layouts that people know."""

from __future__ import annotations

from brainzoo.datasets import layouts
from brainzoo.datasets.config import BidsConfig, FolderConfig, IxiConfig, KnownConfig
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
        Spec("ixi", "brainzoo.datasets.ixi:Ixi", IxiConfig, layouts.IXI.summary),
        *(
            Spec(layout.name, f"brainzoo.datasets.known:{target}", KnownConfig, layout.summary)
            for target, layout in (
                ("Brats", layouts.BRATS),
                ("Oasis", layouts.OASIS),
                ("Adhd200", layouts.ADHD200),
                ("Abide", layouts.ABIDE),
                ("FreeSurfer", layouts.FREESURFER),
                ("Hcp", layouts.HCP),
                ("NnUnet", layouts.NNUNET),
            )
        ),
    ]
