"""Offers the datasets of the core: any folder, BIDS, and the layouts that people know."""

from __future__ import annotations

from brainzoo.plugin.hookspecs import hookimpl
from brainzoo.plugin.interfaces import Spec


@hookimpl
def brainzoo_datasets() -> list[Spec]:
    """Return the datasets of the core."""
    from brainzoo.datasets.config import BidsConfig, FolderConfig, IxiConfig, KnownConfig
    from brainzoo.datasets.layouts import LAYOUTS

    files = "Any folder of .nii/.nii.gz volumes, or of PNG/JPEG/TIFF/NPY slices in class folders."
    bids = "A BIDS dataset: sub-*/[ses-*/]anat, participants.tsv, dataset_description.json."
    known = [
        Spec(name, f"brainzoo.datasets.known:{name}", KnownConfig, layout.summary)
        for name, layout in LAYOUTS.items()
        if name != "ixi"
    ]
    return [
        Spec("folder", "brainzoo.datasets.folder:Folder", FolderConfig, files),
        Spec("bids", "brainzoo.datasets.bids:Bids", BidsConfig, bids),
        Spec("ixi", "brainzoo.datasets.ixi:Ixi", IxiConfig, LAYOUTS["ixi"].summary),
        *known,
    ]
