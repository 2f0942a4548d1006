"""Which files make one scan: the channels, the label map and the mask of a visit and a run."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from brainzoo.common.errors import DataError
from brainzoo.datasets.people import File


@dataclasses.dataclass(frozen=True)
class Scan:
    """What was taken of a person at one time: a file by channel, label map and mask."""

    person: str
    visit: str
    detail: str
    images: dict[str, Path]
    labels: Path | None
    mask: Path | None


def scans_of(
    files: Sequence[File], *, rank: Mapping[str, int], label_word: str | None = None
) -> list[Scan]:
    """Put files together to scans: per person and visit, all channels of one run.

    Of several files for one channel or label map, the spelling of the lowest ``rank`` is taken;
    ``label_word`` chooses where there are several kinds of label maps.
    """
    visits: dict[tuple[str, str], list[File]] = defaultdict(list)
    for file in files:
        visits[file.name.person, file.name.visit.lower()].append(file)
    for person in {person for person, _ in visits}:  # a label map outside of the only visit
        keys = [key for key in visits if key[0] == person]
        imaged = [k for k in keys if any(f.name.kind == "scan" for f in visits[k])]
        if len(imaged) == 1:
            visits[imaged[0]] += [f for k in keys if k != imaged[0] for f in visits.pop(k)]
    scans = []
    for (person, _), group in visits.items():
        seen, labels, masks = (
            [file for file in group if file.name.kind == kind] for kind in ("scan", "label", "mask")
        )
        if not seen:
            continue
        images, labels = _by_channel(seen, rank), _best(labels, rank, label_word)
        details = [d for of in images.values() if len(of) > 1 for d in of] or [""]
        for detail in dict.fromkeys(details):
            alone = {c: of.get(detail) or next(iter(of.values())) for c, of in images.items()
                     if detail in of or len(of) == 1}  # fmt: skip
            paths = {channel: file.path for channel, file in alone.items()}
            beside = _beside(labels, detail), _beside(masks, detail)
            scans.append(Scan(person, seen[0].name.visit, detail, paths, *beside))
    return scans


def _by_channel(files: Sequence[File], rank: Mapping[str, int]) -> dict[str, dict[str, File]]:
    """Return the files of a visit by channel and by what differs between them."""
    found: dict[str, dict[str, File]] = {}
    for file in files:
        of, detail = found.setdefault(file.name.channel, {}), file.name.detail
        if detail in of and file.name.word != of[detail].name.word:
            # other versions of one image, the best is taken
            of[detail] = min(of[detail], file, key=lambda f: rank.get(f.name.word, 0))
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
        return [file for file in files if word.lower() in file.place.rpartition("/")[2].lower()]
    ranks = [rank.get(file.name.word.lower(), 0) for file in files]
    return [file for file, its in zip(files, ranks, strict=True) if its == min(ranks)]


def _beside(files: Sequence[File], detail: str) -> Path | None:
    """Return the only label map of a visit, or the one of this run."""
    paths = {file.path for file in files if file.name.detail == detail}
    paths = paths or {file.path for file in files}
    return paths.pop() if len(paths) == 1 else None


def scan_names(scans: Sequence[Scan]) -> list[str]:
    """Name the scans of people who have several, with no date in the name."""
    names = ["_".join(filter(None, (scan.visit, scan.detail))) for scan in scans]
    of = Counter(scan.person for scan in scans)
    taken = Counter((scan.person, name) for scan, name in zip(scans, names, strict=True))
    count: Counter[str] = Counter()
    for i, (scan, name) in enumerate(zip(scans, names, strict=True)):
        count[scan.person] += 1
        dated = re.search(r"(?:19|20)\d\d[-_]?[01]\d[-_]?[0-3]\d", name)
        if of[scan.person] == 1:
            names[i] = ""
        elif dated or not name or taken[scan.person, name] > 1:
            names[i] = f"{count[scan.person]}"
    return names
