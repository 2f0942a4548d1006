"""The IXI dataset: https://brain-development.org/ixi-dataset/.

Nearly 600 healthy adults, scanned at three hospitals in London: Guy's (``Guys``, Philips 1.5 T),
Hammersmith (``HH``, Philips 3 T) and the Institute of Psychiatry (``IOP``, GE 1.5 T).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from brainzoo.common.errors import DataError, NetworkError, NotFoundError
from brainzoo.data.subjects import Subject, Value
from brainzoo.datasets.config import IxiConfig
from brainzoo.datasets.covariates import Covariates
from brainzoo.datasets.ixi_download import download_ixi, ixi_folder
from brainzoo.datasets.ixi_table import read_ixi_table
from brainzoo.datasets.tree import existing_root, files_below
from brainzoo.plugin.interfaces import Dataset

MODALITIES = {"T1": "T1w", "T2": "T2w", "PD": "PDw", "MRA": "angio", "DTI": "b0"}
"""IXI's names, and what BIDS calls the same; of DTI the b = 0 volume is taken."""

TABLES = ("ixi.xls", "ixi.csv", "participants.csv", "participants.tsv")
"""The names of tables that are looked for, the likeliest first."""

NAME = re.compile(r"(IXI\d{3})-(Guys|HH|IOP)-(\d{4})-(.+?)\.nii(?:\.gz)?")
MASK = re.compile(r"(?:(T1|T2|PD|MRA|DTI)[-_])?(?:DLMUSE|seg|(?:brain[-_]?)?mask)", re.IGNORECASE)


class Ixi(Dataset):
    """IXI's scans of one modality, from a local copy or downloaded.

    The subject's id is ``IXI012``; covariates are age in years, sex and site. Nothing else of
    IXI's table is read.
    """

    config: IxiConfig
    license = "CC BY-SA 3.0"
    citation = (
        "IXI dataset, Biomedical Image Analysis Group, Imperial College London, "
        "brain-development.org (EPSRC GR/S21533/02)"
    )
    url = "https://brain-development.org/ixi-dataset/"

    def __init__(self, config: IxiConfig) -> None:
        super().__init__(config)
        self.channels = (MODALITIES.get(config.modality, config.modality),)

    def download(self) -> None:
        """Fetch the scans and the table unless ``--data.root`` names a copy or they are there.

        Raises:
            NetworkError: No server could deliver; what has arrived is kept for the next time.
            IntegrityError: What arrived is not what was published.
            DiskError: There is too little space.
        """
        if self.config.root is not None:
            return
        try:
            download_ixi(self.config.modality, mirror=self.config.mirror)
        except NetworkError as error:
            hint = f"{error.hint} A copy that you have is named with --data.root."
            raise NetworkError(error.message, hint) from error

    def subjects(self) -> Iterator[Subject]:
        """Yield the scans in the order of subjects.

        Raises:
            DataError: There are none of the modality, or the table fits none.
        """
        if self.config.root is None:
            root = ixi_folder()
            if not root.is_dir():
                raise DataError(f"IXI has not been downloaded to {root}.", "Download it first.")
        else:
            root = existing_root(self.config.root, "ixi")
        files, _ = files_below(root, follow_links=True)
        scans, masks = self._scans(root, files)
        table = self._table(root, files)
        visits = Counter(subject for subject, _, _ in scans)
        joined = 0
        found = []
        for visit, path in scans.items():
            subject, site, number = visit
            row = table.find(subject) if table else None
            joined += row is not None
            known = row or {}
            covariates: dict[str, Value] = {
                "age": known.get("age"),
                "sex": known.get("sex"),
                "site": site,
            }
            found.append(
                Subject(
                    id=subject,
                    images={self.channels[0]: path},
                    scan=f"{site}-{number}" if visits[subject] > 1 else "",
                    covariates=covariates,
                    mask=masks.get(visit),
                )
            )
        if table:
            table.check_joined(joined, visits)
        yield from found

    def _scans(
        self, root: Path, files: list[Path]
    ) -> tuple[dict[tuple[str, str, str], Path], dict[tuple[str, str, str], Path]]:
        """Return scans and masks by (subject, site, number of the visit), sorted."""
        wanted = "DTI-00" if self.config.modality == "DTI" else self.config.modality
        scans: dict[tuple[str, str, str], Path] = {}
        masks: dict[tuple[str, str, str], Path] = {}
        others: Counter[str] = Counter()
        for path in files:
            match = NAME.fullmatch(path.name)
            if not match:
                continue
            visit, kind = (match[1], match[2], match[3]), match[4]
            mask = MASK.fullmatch(kind)
            if kind == wanted:
                if visit in scans:
                    raise DataError(
                        f"{path.name} is there twice: {scans[visit]} and {path}.",
                        "Point --data.root at one of the copies.",
                    )
                scans[visit] = path
            elif mask and (mask[1] or "T1").upper() == self.config.modality:
                masks.setdefault(visit, path)
            else:
                others[kind] += 1
        if not scans:
            there = ", ".join(f"{count} {kind}" for kind, count in others.most_common(5))
            raise DataError(
                f"no {self.config.modality} scans of IXI below {root}; expected files such as "
                f"IXI012-HH-1211-{wanted}.nii.gz"
                + (f", found {there}." if there else f", found {len(files)} other files."),
                "Choose another --data.modality or --data.root; for other scans use --data folder.",
            )
        return dict(sorted(scans.items())), masks

    def _table(self, root: Path, files: list[Path]) -> Covariates | None:
        if self.config.table is not None:
            given = self.config.table.expanduser()
            for path in (given, root / given):
                if path.is_file():
                    return read_ixi_table(path)
            raise NotFoundError(f"there is no table {given}, here or below {root}.")
        by_name = {path.name.lower(): path for path in reversed(files)}
        there = [by_name[name] for name in TABLES if name in by_name]
        return read_ixi_table(there[0]) if there else None
