"""The IXI dataset: https://brain-development.org/ixi-dataset/.

Nearly 600 healthy adults, scanned at three hospitals in London: Guy's (``Guys``, Philips 1.5 T),
Hammersmith (``HH``, Philips 3 T) and the Institute of Psychiatry (``IOP``, GE 1.5 T).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from brainzoo.common.errors import DataError, NetworkError
from brainzoo.data.subjects import Subject
from brainzoo.datasets.config import IxiConfig
from brainzoo.datasets.ixi_download import download_ixi, ixi_folder
from brainzoo.datasets.known import Known
from brainzoo.datasets.layouts import LAYOUTS
from brainzoo.datasets.tree import existing_root

CHANNELS = {"T1": "T1w", "T2": "T2w", "PD": "PDw", "MRA": "angio", "DTI": "b0"}
"""IXI's names, and what BIDS calls the same; of DTI the b = 0 volume is taken."""


class Ixi(Known):
    """IXI's scans, from a local copy or downloaded; several contrasts of a visit are one scan.

    The subject's id is ``IXI012``; covariates are age in years, sex and site. Nothing else of
    IXI's table is read.
    """

    config: IxiConfig
    layout = LAYOUTS["ixi"]
    title = "IXI"
    license, citation, url = layout.license, layout.citation, layout.url

    @property
    def channels(self) -> tuple[str, ...]:  # type: ignore[override]
        """The contrasts that were asked for, as BIDS calls them."""
        return tuple(CHANNELS[name] for name in self.config.channels)

    def download(self) -> None:
        """Fetch the scans and the table unless ``--data.root`` names a copy or they are there."""
        if self.config.root is not None:
            return
        try:
            for name in self.config.channels:
                download_ixi(name, mirror=self.config.mirror)
        except NetworkError as error:
            hint = f"{error.hint} If you have a copy, give --data.root."
            raise NetworkError(error.message, hint) from error

    def root(self) -> Path:
        """Return the folder of the scans.

        Raises:
            DataError: Nothing was downloaded yet.
        """
        if self.config.root is not None:
            return existing_root(self.config.root, "ixi")
        if not ixi_folder().is_dir():
            raise DataError(f"IXI has not been downloaded to {ixi_folder()}.", "Download it first.")
        return ixi_folder()

    def subjects(self) -> Iterator[Subject]:
        """Yield the scans in the order of subjects; the site is in the files' names.

        Raises:
            DataError: There are none of the channels, or the table fits none.
        """
        for subject in super().subjects():
            first = next(path for path in subject.images.values() if isinstance(path, Path))
            known = {name: subject.covariates.get(name) for name in ("age", "sex")}
            known["site"] = first.name.split("-")[1]
            # DLMUSE parcels the whole brain, on the grid of the T1
            drawn = isinstance(subject.labels, Path) and "T1w" in subject.images
            mask = subject.mask or (subject.labels if drawn else None)
            yield dataclasses.replace(subject, covariates=known, mask=mask)  # type: ignore[arg-type]
