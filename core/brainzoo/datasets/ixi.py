"""The IXI dataset: https://brain-development.org/ixi-dataset/.

Nearly 600 healthy adults, scanned at three hospitals in London: Guy's (``Guys``, Philips 1.5 T),
Hammersmith (``HH``, Philips 3 T) and the Institute of Psychiatry (``IOP``, GE 1.5 T).
"""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from brainzoo.common.downloads.archive import extract
from brainzoo.common.downloads.download import Remote, download
from brainzoo.common.errors import DataError, IntegrityError, NetworkError, OptionError
from brainzoo.common.files import disk_errors
from brainzoo.common.home import home
from brainzoo.common.locks import locked
from brainzoo.data.subjects import Subject
from brainzoo.datasets.config import IxiConfig
from brainzoo.datasets.known import Known
from brainzoo.datasets.layouts import LAYOUTS
from brainzoo.datasets.tree import existing_root

ADDRESSES = (
    "https://biomedic.doc.ic.ac.uk/brain-development/downloads/IXI/",
    "http://biomedic.doc.ic.ac.uk/brain-development/downloads/IXI/",
)
"""Imperial College's server; the checksums make http as good as https."""

MIRRORS = {
    "IXI-T1.tar": ["https://developer.download.nvidia.com/assets/Clara/monai/tutorials/IXI-T1.tar"]
}
"""Single files elsewhere, of the same checksum."""

# IXI publishes no checksums. These are what TorchIO (torchio/datasets/ixi.py) checks; the one of
# T1 is also MONAI's, the one of the table TorchIO's alone.
MD5 = {
    "IXI-T1.tar": "34901a0593b41dd19c1a1f746eac2d58",
    "IXI-T2.tar": "e3140d78730ecdd32ba92da48c0a9aaa",
    "IXI-PD.tar": "88ecd9d1fa33cb4a2278183b42ffd749",
    "IXI-MRA.tar": "29be7d2fee3998f978a55a9bdaf3407e",
    "IXI-DTI.tar": "636573825b1c8b9e8c78f1877df3ee66",
    "IXI.xls": "066002afe250e4375d132266fcfceac5",
}


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
        words = {word: name for name, word in self.layout.channels.items()}
        # Of DTI the b = 0 volume is taken.
        return tuple(words["DTI-00" if name == "DTI" else name] for name in self.config.channels)

    def download(self) -> None:
        """Fetch the scans and the table unless ``--data.root`` names a copy or they are there."""
        if self.config.root is not None:
            return
        try:
            for name in self.config.channels:
                download_ixi(name, self.config.mirror)
        except NetworkError as error:
            hint = f"{error.hint} If you have a copy, give --data.root."
            raise NetworkError(error.message, hint) from error

    def root(self) -> Path:
        """Return the folder of the scans."""
        if self.config.root is not None:
            return existing_root(self.config.root, "ixi")
        if not ixi_folder().is_dir():
            raise DataError(f"IXI has not been downloaded to {ixi_folder()}.", "Download it first.")
        return ixi_folder()

    def subjects(self) -> Iterator[Subject]:
        """Yield the scans in the order of subjects; the site is in the files' names."""
        for subject in super().subjects():
            first = next(path for path in subject.images.values() if isinstance(path, Path))
            known = {name: subject.covariates.get(name) for name in ("age", "sex")}
            known["site"] = first.name.split("-")[1]
            # DLMUSE parcels the whole brain, on the grid of the T1
            drawn = isinstance(subject.labels, Path) and "T1w" in subject.images
            mask = subject.mask or (subject.labels if drawn else None)
            yield dataclasses.replace(subject, covariates=known, mask=mask)


def ixi_folder() -> Path:
    """Return where downloaded scans of IXI lie, a folder per modality, and the table."""
    return home() / "downloads" / "ixi"


def download_ixi(modality: str, mirror: str | None = None) -> None:
    """Fetch the table and the scans of a modality, unless they are there; goes on after any kill.

    The archive is removed once its scans are unpacked. Of DTI the b = 0 volumes are unpacked. A
    mirror holds the same files and is tried first.
    """
    folder = ixi_folder()
    download(remote("IXI.xls", mirror), folder)
    scans = folder / modality
    archive = remote(f"IXI-{modality}.tar", mirror)
    if scans.is_dir():
        (folder / archive.name).unlink(missing_ok=True)  # a kill may have left it
        return
    with disk_errors(scans), locked(scans):
        if scans.is_dir():
            return
        path = download(archive, folder, space=2.0)
        unpacking = folder / f".{modality}.part"
        wanted = "DTI-00" if modality == "DTI" else re.escape(modality)
        name = re.compile(rf"IXI\d{{3}}-(Guys|HH|IOP)-\d{{4}}-{wanted}\.nii\.gz")
        try:
            extract(path, unpacking, name)
        except IntegrityError:
            # Useless as it is: the next run fetches it again.
            path.unlink(missing_ok=True)
            shutil.rmtree(unpacking, ignore_errors=True)
            raise
        unpacking.rename(scans)
        path.unlink()


def remote(name: str, mirror: str | None = None) -> Remote:
    """Return one of IXI's files with all its addresses."""
    if mirror is not None and not re.match(r"https?://[^/]", mirror):
        raise OptionError(
            f"mirror {mirror!r} is not an address; expected one that begins with https:// or http://."
        )
    own = [f"{mirror.rstrip('/')}/{name}"] if mirror else []
    own += [address + name for address in ADDRESSES]
    return Remote(name, (*own, *MIRRORS.get(name, ())), md5=MD5[name])
