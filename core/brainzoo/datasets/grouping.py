"""Which files make one scan: the channels, the label map and the mask of a visit and a run."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from brainzoo.common.errors import DataError
from brainzoo.datasets.people import File


@dataclasses.dataclass
class Scan:
    """What was taken of a person at one time: a file by channel, label map and mask."""

    person: str
    visit: str
    detail: str
    images: dict[str, Path] = dataclasses.field(default_factory=dict)
    labels: Path | None = None
    mask: Path | None = None


def scans_of(
    files: Sequence[File],
    *,
    rank: Mapping[str, int] | None = None,
    label_word: str | None = None,
) -> list[Scan]:
    """Put files together to scans: per person and visit, all channels of one run.

    Args:
        files: Scans, label maps and masks.
        rank: Of several files for one channel or label map, the spelling of the lowest rank.
        label_word: Which label maps, where there are several kinds.
    """
    rank = rank or {}
    visits: dict[tuple[str, str], list[File]] = defaultdict(list)
    for file in files:
        visits[file.name.person, _visit_key(file.name.visit)].append(file)
    for person in {person for person, _ in visits}:  # a label map outside of the only visit
        keys = [key for key in visits if key[0] == person]
        imaged = [k for k in keys if any(f.name.kind == "scan" for f in visits[k])]
        if len(imaged) == 1:
            visits[imaged[0]] += [f for k in keys if k != imaged[0] for f in visits.pop(k)]
    scans = []
    for (person, _), group in visits.items():
        images = _by_channel([f for f in group if f.name.kind == "scan"], rank)
        labels = _best([f for f in group if f.name.kind == "label"], rank, label_word)
        masks = [f for f in group if f.name.kind == "mask"]
        visit = next((f.name.visit for f in group if f.name.kind == "scan"), "")
        details = [d for of in images.values() if len(of) > 1 for d in of] or [""]
        for detail in dict.fromkeys(details):
            scan = Scan(person, visit, detail)
            for channel, of in images.items():
                one = of.get(detail) or (next(iter(of.values())) if len(of) == 1 else None)
                if one is not None:
                    scan.images[channel] = one.path
            scan.labels = _beside(labels, scan)
            scan.mask = _beside(masks, scan)
            if scan.images:
                scans.append(scan)
    return scans


def _visit_key(visit: str) -> str:
    return visit.lower()


def _by_channel(files: Sequence[File], rank: Mapping[str, int]) -> dict[str, dict[str, File]]:
    """Return the files of a visit by channel and by what differs between them."""
    found: dict[str, dict[str, File]] = {}
    for file in files:
        of = found.setdefault(file.name.channel, {})
        detail = file.name.detail
        if detail in of and file.name.word != of[detail].name.word:
            # other versions of one image, the best is taken
            if rank.get(file.name.word, 0) < rank.get(of[detail].name.word, 0):
                of[detail] = file
            continue
        if detail in of and file.name.word:
            raise DataError(
                f"{file.path.name} is there twice: {of[detail].place} and {file.place}.",
                "Point --data.root at one of the copies.",
            )
        while detail in of:
            detail = file.place if detail == file.name.detail else f"{detail}+"
        of[detail] = file
    return found


def _best(files: Sequence[File], rank: Mapping[str, int], word: str | None) -> list[File]:
    """Return the label maps of the wanted, or the best, kind."""
    if word is not None:
        return [file for file in files if word.lower() in file.place.rsplit("/", 1)[-1].lower()]
    least = min((rank.get(file.name.word.lower(), 0) for file in files), default=0)
    return [file for file in files if rank.get(file.name.word.lower(), 0) == least]


def _beside(files: Sequence[File], scan: Scan) -> Path | None:
    """Return the only label map of a visit, or the one of this run."""
    fitting = [file for file in files if file.name.detail == scan.detail] or list(files)
    return fitting[0].path if len({file.path for file in fitting}) == 1 else None


def scan_names(scans: Sequence[Scan]) -> list[str]:
    """Name the scans of people who have several, with no date in the name."""
    names = ["_".join(filter(None, (scan.visit, scan.detail))) for scan in scans]
    of = Counter(scan.person for scan in scans)
    count: Counter[str] = Counter()
    taken = Counter((scan.person, name) for scan, name in zip(scans, names, strict=True))
    result = []
    for scan, name in zip(scans, names, strict=True):
        count[scan.person] += 1
        unclear = re.search(r"(?:19|20)\d\d[-_]?[01]\d[-_]?[0-3]\d", name) or not name
        if of[scan.person] == 1:
            name = ""
        elif unclear or taken[scan.person, name] > 1:
            name = f"{count[scan.person]}"
        result.append(name)
    return result
