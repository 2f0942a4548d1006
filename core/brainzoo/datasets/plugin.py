"""Offers the datasets of the core: any folder, BIDS, and the layouts that people know."""

from __future__ import annotations

from brainzoo.datasets.config import BidsConfig, FolderConfig, IxiConfig, KnownConfig
from brainzoo.datasets.layouts import LAYOUTS
from brainzoo.plugin.hookspecs import hookimpl
from brainzoo.plugin.interfaces import Spec

OWN = {
    "folder": (
        "folder:Folder",
        FolderConfig,
        "Any folder of .nii/.nii.gz volumes, or of PNG/JPEG/TIFF/NPY slices in class folders.",
    ),
    "bids": (
        "bids:Bids",
        BidsConfig,
        "A BIDS dataset: sub-*/[ses-*/]anat, participants.tsv, dataset_description.json.",
    ),
    "ixi": ("ixi:Ixi", IxiConfig, LAYOUTS["ixi"].summary),
}


@hookimpl
def brainzoo_datasets() -> list[Spec]:
    """Return the datasets of the core."""
    known = {
        name: (f"known:{name}", KnownConfig, layout.summary)
        for name, layout in LAYOUTS.items()
        if name not in OWN
    }
    return [
        Spec(name, f"brainzoo.datasets.{target}", config, summary)
        for name, (target, config, summary) in (OWN | known).items()
    ]
