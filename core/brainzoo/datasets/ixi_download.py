"""Fetches IXI: one archive of scans per modality, and the table of subjects."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from brainzoo.common.downloads.archive import extract
from brainzoo.common.downloads.download import Patience, Remote, download
from brainzoo.common.errors import IntegrityError, OptionError
from brainzoo.common.files import disk_errors
from brainzoo.common.home import home
from brainzoo.common.locks import locked

ADDRESSES = (
    "https://biomedic.doc.ic.ac.uk/brain-development/downloads/IXI/",
    "http://biomedic.doc.ic.ac.uk/brain-development/downloads/IXI/",
)
"""Imperial College's server; the checksums make http as good as https."""

MIRRORS = {
    "IXI-T1.tar": "https://developer.download.nvidia.com/assets/Clara/monai/tutorials/IXI-T1.tar"
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

GZIP = b"\x1f\x8b"


def ixi_folder() -> Path:
    """Return where downloaded scans of IXI lie, a folder per modality, and the table."""
    return home() / "downloads" / "ixi"


def download_ixi(
    modality: str,
    *,
    mirror: str | None = None,
    patience: Patience | None = None,
    quiet: bool = False,
) -> None:
    """Fetch the table and the scans of a modality, unless they are there.

    Goes on after any kill. The archive is removed once its scans are unpacked; its SHA-256 stays.

    Args:
        modality: T1, T2, PD, MRA or DTI (of which the b = 0 volumes are unpacked).
        mirror: An address that holds the same files; tried first.
        patience: Time-outs and attempts.
        quiet: Show no progress.

    Raises:
        NetworkError: No server could deliver; what has arrived is kept.
        IntegrityError: What arrived is not IXI.
        DiskError: There is too little space for the archive and its content.
    """
    folder = ixi_folder()
    download(remote("IXI.xls", mirror), folder, patience=patience, quiet=quiet)
    scans = folder / modality
    archive = remote(f"IXI-{modality}.tar", mirror)
    if scans.is_dir():
        (folder / archive.name).unlink(missing_ok=True)  # a kill may have left it
        return
    with disk_errors(scans), locked(scans):
        if scans.is_dir():
            return
        path = download(archive, folder, space=2.0, patience=patience, quiet=quiet)
        unpacking = folder / f".{modality}.part"
        wanted = "DTI-00" if modality == "DTI" else re.escape(modality)
        name = re.compile(rf"IXI\d{{3}}-(Guys|HH|IOP)-\d{{4}}-{wanted}\.nii\.gz")
        try:
            extract(path, unpacking, name, magic=GZIP, quiet=quiet)
        except IntegrityError:
            # Useless as it is: the next run fetches it again.
            path.unlink(missing_ok=True)
            shutil.rmtree(unpacking, ignore_errors=True)
            raise
        unpacking.rename(scans)
        path.unlink()


def remote(name: str, mirror: str | None = None) -> Remote:
    """Return one of IXI's files with all its addresses.

    Raises:
        OptionError: The mirror is not an http or https address.
    """
    if mirror is not None and not re.match(r"https?://[^/]", mirror):
        raise OptionError(
            f"mirror {mirror!r} is not an address; expected one that begins with https:// or http://."
        )
    own = [f"{mirror.rstrip('/')}/{name}"] if mirror else []
    other = [MIRRORS[name]] if name in MIRRORS else []
    urls = (*own, *(address + name for address in ADDRESSES), *other)
    return Remote(name, urls, md5=MD5[name])
