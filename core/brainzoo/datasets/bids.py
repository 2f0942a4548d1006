"""BIDS datasets: https://bids-specification.readthedocs.io, version 1.10."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from brainzoo.common.errors import DataError, OptionError
from brainzoo.common.files import read_json
from brainzoo.data.subjects import Subject
from brainzoo.datasets.config import BidsConfig
from brainzoo.datasets.covariates import Covariates, read_covariates
from brainzoo.datasets.known import Known, find_table
from brainzoo.datasets.layouts import Layout
from brainzoo.datasets.names import Name
from brainzoo.datasets.people import File
from brainzoo.datasets.tree import VOLUMES, existing_root, files_below

SCAN = re.compile(
    r"(?P<subject>sub-[A-Za-z0-9]+)/(?:(?P<visit>ses-[A-Za-z0-9]+)/)?anat/"
    r"(?P=subject)(?:_(?P<entities>[^/]+))?_(?P<suffix>[A-Za-z0-9]+)\.nii(?:\.gz)?"
)
LABELS = ("dseg", "mask", "probseg")


class Bids(Known):
    """The anatomical scans of a BIDS dataset; its derivatives are not looked at.

    Licence, name and acknowledgement come from ``dataset_description.json``; ages of visits from
    ``sessions.tsv``, their unit from ``participants.json``.
    """

    config: BidsConfig
    layout = Layout("bids")

    @property
    def channels(self) -> tuple[str, ...]:  # type: ignore[override]
        """The suffixes that were asked for."""
        return self.config.channels

    def subjects(self) -> Iterator[Subject]:
        """Yield the scans in the order of subjects and sessions; sessions and runs are `scan`."""
        for channel in self.channels:
            if not channel.isalnum():
                raise OptionError(
                    f"channel {channel!r} is not a BIDS suffix; expected letters and digits."
                )
        root = existing_root(self.config.root, "bids")
        self._describe(root)
        here: list[Path] = []
        gone: list[Path] = []
        links = 0
        for folder in sorted(path for path in root.glob("sub-*") if path.is_dir()):
            below = files_below(folder, follow_links=self.config.follow_links, within=root)
            here, gone, links = here + below[0], gone + below[1], links + below[2]
        found: dict[str, File] = {}
        for path in (*here, *gone):
            place = path.relative_to(root).as_posix()
            name = _name(place) if path.name.endswith(VOLUMES) else None
            if name:
                found.setdefault(place.removesuffix(".gz"), File(path, place, name))
        absent = {path.relative_to(root).as_posix() for path in gone}
        if not found:
            raise DataError(
                f"no scans in {root}; expected sub-*/[ses-*/]anat/*_{self.channels[0]}.nii.gz"
                + (f"; {links} links that lead outside were left out." if links else "."),
                "To take the links, give --data.follow-links."
                if links
                else "For scans that are not in BIDS, use --data folder.",
            )
        ordered = sorted(found.values(), key=lambda file: file.place)
        yield from self.from_files(root, ordered, absent, self.table(root))

    def table(self, root: Path) -> Covariates | None:
        """Return ``participants.tsv`` with what the subjects' ``sessions.tsv`` add."""
        table = find_table(root, self.config.table)
        for path in sorted(root.glob("sub-*/sub-*_sessions.tsv")):
            visits = read_covariates(path, subject=path.parent.name)
            table = table.and_visits(visits) if table else visits
        return table

    def _describe(self, root: Path) -> None:
        """Take title, licence, acknowledgement and DOI as the dataset states them."""
        about = read_json(root / "dataset_description.json")

        def text(key: str) -> str:
            value = about.get(key)
            value = ", ".join(map(str, value)) if isinstance(value, list) else value
            return value.strip() if isinstance(value, str) else ""

        self.title, self.license = text("Name"), text("License") or "unknown"
        authors = ". ".join(filter(None, (text("Authors"), text("Name"))))
        self.citation = text("HowToAcknowledge") or authors
        doi = text("DatasetDOI").removeprefix("doi:")
        self.url = f"https://doi.org/{doi}" if re.match(r"10\.\d+/", doi) else doi


def _name(place: str) -> Name | None:
    match = SCAN.fullmatch(place)
    if not match:
        return None
    entities = [e for e in (match["entities"] or "").split("_") if e and e != match["visit"]]
    suffix, detail = match["suffix"], "_".join(entities)
    kind = "label" if suffix in LABELS else "scan"
    if suffix == "mask" and "brain" in detail:
        kind = "mask"
    return Name(match["subject"], match["visit"] or "", detail, suffix, kind, suffix, True)
