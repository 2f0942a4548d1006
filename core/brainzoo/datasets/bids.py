"""BIDS datasets: https://bids-specification.readthedocs.io, version 1.10."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from brainzoo.common.errors import DataError
from brainzoo.data.subjects import Subject
from brainzoo.datasets.config import BidsConfig
from brainzoo.datasets.folder import find_table
from brainzoo.datasets.tree import VOLUMES, existing_root, files_below, stem
from brainzoo.plugin.interfaces import Dataset

SCAN = re.compile(r"(sub-[A-Za-z0-9]+)/(?:(ses-[A-Za-z0-9]+)/)?anat/(\1(?:_[^/]+)?)_([A-Za-z0-9]+)")


class Bids(Dataset):
    """The anatomical scans of a BIDS dataset; its derivatives are not looked at.

    Licence, name and acknowledgement come from ``dataset_description.json``.
    """

    config: BidsConfig

    def __init__(self, config: BidsConfig) -> None:
        super().__init__(config)
        self.channels = (config.modality,)

    @property
    def license(self) -> str:  # type: ignore[override]  # read from the dataset, never set
        """The licence as the dataset states it."""
        return self._described("License") or "unknown"

    @property
    def citation(self) -> str:  # type: ignore[override]
        """How to acknowledge the dataset, else its name and authors."""
        wanted = self._described("HowToAcknowledge")
        if wanted:
            return wanted
        return ". ".join(part for key in ("Authors", "Name") if (part := self._described(key)))

    @property
    def url(self) -> str:  # type: ignore[override]
        """The dataset's DOI as an address."""
        doi = self._described("DatasetDOI").removeprefix("doi:")
        return f"https://doi.org/{doi}" if re.match(r"10\.\d+/", doi) else doi

    def subjects(self) -> Iterator[Subject]:
        """Yield the scans in the order of subjects and sessions; sessions and runs are `scan`.

        Raises:
            DataError: There are none of the wanted suffix; the message lists those that are.
        """
        root = existing_root(self.config.root, "bids")
        found = self._scans(root)
        scans_of = Counter(subject for _, subject, _ in found)
        table = find_table(root, self.config.table)
        joined = 0
        subjects = []
        for path, subject, scan in found:
            row = table.find(subject, stem(path)) if table else None
            joined += row is not None
            known = row or {}
            own_class = known.pop("class", None)
            subjects.append(
                Subject(
                    id=subject,
                    images={self.channels[0]: path},
                    scan=scan if scans_of[subject] > 1 else "",
                    covariates=known,
                    class_name=str(own_class) if own_class else None,
                )
            )
        if table:
            table.check_joined(joined, (subject.id for subject in subjects))
        yield from subjects

    def _scans(self, root: Path) -> list[tuple[Path, str, str]]:
        """Return path, subject and entities of each scan of the wanted suffix."""
        found: dict[str, tuple[Path, str, str]] = {}
        others: set[str] = set()
        links = 0
        for folder in sorted(p for p in root.glob("sub-*") if p.is_dir()):
            files, left_out = files_below(
                folder, follow_links=self.config.follow_links, within=root
            )
            links += left_out
            for path in files:
                place = path.relative_to(root).as_posix()
                if not path.name.endswith(VOLUMES):
                    continue
                match = SCAN.fullmatch(place.removesuffix(".gz").removesuffix(".nii"))
                if match and match[4] == self.config.modality:
                    entities = match[3].removeprefix(match[1]).lstrip("_")
                    found.setdefault(match[0], (path, match[1], entities))
                elif match:
                    others.add(match[4])
        if found:
            return [found[name] for name in sorted(found)]
        if others:
            there = ", ".join(sorted(others))
            raise DataError(
                f"no {self.config.modality} scans in {root}; there are {there}.",
                "Choose one with --data.modality.",
            )
        raise DataError(
            f"no scans in {root}; expected sub-*/[ses-*/]anat/*_{self.config.modality}.nii.gz"
            + (f"; {links} links that lead outside were left out." if links else "."),
            "To take the links, give --data.follow-links."
            if links
            else "For scans that are not in BIDS, use --data folder.",
        )

    def _described(self, key: str) -> str:
        """Return a field of ``dataset_description.json`` as text; empty if it is not there."""
        path = existing_root(self.config.root, "bids") / "dataset_description.json"
        try:
            content: Any = json.loads(path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            return ""
        except (ValueError, OSError, RecursionError) as error:
            raise DataError(f"{path} cannot be read as JSON: {error}.") from error
        value = content.get(key) if isinstance(content, dict) else None
        if isinstance(value, list):
            return ", ".join(str(item) for item in value)
        return value.strip() if isinstance(value, str) else ""
