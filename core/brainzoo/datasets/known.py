"""From the files of a known layout, or of any folder, to subjects."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from brainzoo.common.errors import DataError, NotFoundError
from brainzoo.data.subjects import Subject
from brainzoo.data.volumes import Volume, read_volume
from brainzoo.datasets import layouts
from brainzoo.datasets.config import KnownConfig
from brainzoo.datasets.covariates import Covariates, read_covariates
from brainzoo.datasets.grouping import Scan, scan_names, scans_of
from brainzoo.datasets.layouts import Layout
from brainzoo.datasets.names import CONTRASTS, channel_name
from brainzoo.datasets.people import File, check_alike
from brainzoo.datasets.tree import VOLUMES, existing_root, files_below, stem
from brainzoo.plugin.interfaces import Dataset


@dataclasses.dataclass(frozen=True)
class OneOfSeveral:
    """Reads one volume of a file that holds several, as the Decathlon stores its contrasts."""

    path: Path
    index: int

    def __call__(self) -> Volume:
        """Return the volume."""
        return read_volume(self.path, index=self.index)


class Known(Dataset):
    """Scans that lie as a :class:`~brainzoo.datasets.layouts.Layout` says.

    A subclass names the layout. Channels, label maps and people come from it; ages and the rest
    from the table.
    """

    config: KnownConfig
    layout: Layout

    @property
    def channels(self) -> tuple[str, ...]:  # type: ignore[override]  # the user's, never set
        """The contrasts that were asked for, as BIDS calls them."""
        return tuple(channel_name(name) for name in self.config.channels)

    def root(self) -> Path:
        """Return the folder of the scans."""
        return existing_root(self.config.root, self.layout.name)

    def subjects(self) -> Iterator[Subject]:
        """Yield the scans in the order of people and visits.

        Raises:
            DataError: There are none, scans are missing, or the table fits nobody.
        """
        root = self.root()
        files, gone, links = volumes_below(root, self.config)
        read = {place: self.layout.read(place) for place in (*files, *gone)}
        found = [File((files | gone)[p], p, name) for p, name in read.items() if name]
        if not any(file.place in files for file in found):
            example = next(iter(files), "nothing")
            raise DataError(
                f"no {' '.join([*self.config.channels, 'scans'])} of {self.layout.name} below "
                f"{root}: found {len(files)} volumes{f' ({example}, ...)' if files else ''}, none "
                "named as there" + (f"; {links} links lead outside." if links else "."),
                "Check --data.root; for other names use --data folder.",
            )
        check_alike([file for file in found if not file.name.study])
        lost = len(read) - len(found)
        if lost:
            self.understood["left out"] = f"{lost} files that are not named as in this layout"
        yield from self.from_files(root, found, set(gone), self.table(root))

    def from_files(
        self, root: Path, files: list[File], gone: set[str], table: Covariates | None
    ) -> Iterator[Subject]:
        """Yield the subjects of files, with what the table knows of them."""
        names, labels = self._json()
        self.label_names = labels or self.layout.label_names
        several = _unpacked(files, names)
        unknown = (
            self.channels[0] if len(self.channels) == 1 or (several and self.channels) else "T1w"
        )
        files = [_with_channel(file, names, unknown) for file in files]
        images = [file for file in files if file.name.kind == "scan"]
        wanted = [f for f in images if not self.channels or f.name.channel in self.channels]
        if several and self.channels and not set(self.channels) & set(names.values()):
            images = [_with_channel(file, {}, name, True) for name in names.values()
                      for file in images]  # fmt: skip
            wanted = []
        if not wanted:
            raise self._nothing_wanted(root, images, files)
        self._check_here(wanted, gone)
        keep = {id(file) for file in wanted} | {id(f) for f in files if f.name.kind != "scan"}
        here = [file for file in files if id(file) in keep and file.place not in gone]
        rank = {file.name.word: self.layout.rank(file.name.word) for file in here}
        scans = scans_of(here, rank=rank, label_word=self.config.labels)
        self._left_out(files, wanted)
        unused = {f.path for f in here if f.name.kind == "label"} - {scan.labels for scan in scans}
        if unused:
            self.understood["label maps left out"] = (
                f"{len(unused)}, for example {min(unused).name}: of another kind, or of no scan"
            )
        found = []
        for scan, name in zip(scans, scan_names(scans), strict=True):
            found.append(self._subject(scan, name, table, names if several else {}))
        if table:
            table.check_joined(subject.id for subject in found)
            self.understood |= table.notes
            missing = len(table) - len(table.found)
            if missing:
                self.understood["in the table only"] = f"{missing} people without a scan"
        yield from found

    def _subject(
        self, scan: Scan, name: str, table: Covariates | None, packed: Mapping[str, str]
    ) -> Subject:
        first = next(iter(scan.images.values()))
        known = dict(table.find(scan.person, stem(first), scan.visit) or {}) if table else {}
        own_class = known.pop("class", None)
        order = self.channels or (*CONTRASTS, *scan.images)
        images: dict[str, Path | Callable[[], Volume]] = {
            channel: scan.images[channel] for channel in order if channel in scan.images
        }
        key = ""
        if packed:
            images = {c: OneOfSeveral(first, i) for i, c in enumerate(packed.values())
                      if not self.channels or c in self.channels}  # fmt: skip
            status = first.stat()
            key = f"{first.absolute()} {status.st_size} {status.st_mtime_ns}"
        return Subject(
            scan.person,
            images,
            scan=name,
            covariates=known,
            class_name=str(own_class) if own_class else None,
            labels=scan.labels,
            mask=scan.mask,
            key=key,
        )

    def table(self, root: Path) -> Covariates | None:
        """Return the table that is given, else the layout's, else the root's own."""
        return find_table(root, self.config.table, self.layout)

    def _check_here(self, wanted: list[File], gone: set[str]) -> None:
        missing = sum(file.place in gone for file in wanted)
        if missing and (not self.config.partial or missing == len(wanted)):
            raise DataError(
                f"{missing} of {len(wanted)} scans are not here (links to nowhere).",
                "Fetch them: datalad get, git annex get or git lfs pull."
                + ("" if missing == len(wanted) else " Or use the others only: --data.partial."),
            )
        if missing:
            self.understood["not here"] = f"{missing} of {len(wanted)} scans: links to nowhere"

    def _nothing_wanted(self, root: Path, images: list[File], files: list[File]) -> DataError:
        there = Counter(file.name.channel for file in images)
        if there:
            return DataError(
                f"no {', '.join(self.channels)} scans in {root}; there are "
                + ", ".join(f"{name} ({count})" for name, count in there.items())
                + ".",
                "Choose one with --data.channels.",
            )
        return DataError(
            f"no scans in {root}: all {len(files)} volumes are label maps, masks or other images, "
            f"for example {files[0].place}.",
            "Check --data.root.",
        )

    def _left_out(self, files: list[File], wanted: list[File]) -> None:
        others = Counter(f.name.word for f in files if f.name.kind == "other")
        not_asked = Counter(f.name.channel for f in files if f.name.kind == "scan")
        for file in wanted:
            not_asked[file.name.channel] -= 1
        parts = [f"{count} {word}" for word, count in (+not_asked + others).most_common(6)]
        if parts:
            before = self.understood.get("left out")
            self.understood["left out"] = ", ".join(filter(None, [before, *parts]))

    def _json(self) -> tuple[dict[str, str], dict[int, str]]:
        """Return the channels (by number) and labels of nnU-Net's ``dataset.json``."""
        path = self.config.root and self.config.root.expanduser() / "dataset.json"
        if self.layout is not layouts.NNUNET or path is None or not path.is_file():
            return {}, {}
        try:
            content: Any = json.loads(path.read_text(encoding="utf-8-sig"))
            channels = content.get("channel_names") or content.get("modality") or {}
            labels = content.get("labels") or {}
            names = {f"{int(number):04d}": channel_name(str(n)) for number, n in channels.items()}
            values = {
                (int(k) if str(k).isdigit() else int(v)): (str(v) if str(k).isdigit() else str(k))
                for k, v in labels.items()
            }
        except (ValueError, OSError, AttributeError, TypeError, RecursionError) as error:
            raise DataError(f"{path.name} of nnU-Net cannot be read: {error}.") from error
        return names, {value: name for value, name in values.items() if value}


def _with_channel(
    file: File, names: Mapping[str, str], unknown: str, replace: bool = False
) -> File:
    channel = unknown if replace else file.name.channel or unknown
    return dataclasses.replace(
        file, name=dataclasses.replace(file.name, channel=names.get(channel, channel))
    )


def _unpacked(files: list[File], names: Mapping[str, str]) -> bool:
    """Return whether each file of a Decathlon's folder holds all channels."""
    return len(names) > 1 and not any(file.name.word for file in files if file.name.kind == "scan")


def volumes_below(root: Path, config: KnownConfig) -> tuple[dict[str, Path], dict[str, Path], int]:
    """Return the volumes below a folder by their place, those not here, and links left out."""
    gone: list[Path] = []
    files, links = files_below(root, follow_links=config.follow_links, gone=gone)
    here = {p.relative_to(root).as_posix(): p for p in files if p.name.lower().endswith(VOLUMES)}
    absent = {p.relative_to(root).as_posix(): p for p in gone if p.name.lower().endswith(VOLUMES)}
    return here, absent, links


def find_table(root: Path, given: Path | None, layout: Layout | None = None) -> Covariates | None:
    """Read the table given by ``--data.table`` (from here or below the root), or the root's own.

    Raises:
        NotFoundError: The table given is not there.
        DataError: It cannot be read.
    """
    if given is not None:
        given = given.expanduser()
        for path in (given, root / given):
            if path.is_file():
                return read_covariates(path, layout)
        raise NotFoundError(f"there is no table {given}, here or below {root}.")
    names = layout.tables if layout else ()
    near = sorted([*root.glob("*"), *root.glob("*/*")]) if names else []
    tables = [path for path in near if _is_table(path)]
    for name in names:
        fitting = [p for p in tables if p.match(name) or Path(p.name.lower()).match(name)]
        if fitting:
            read = [read_covariates(path, layout) for path in fitting]
            joined = read[0]
            for other in read[1:]:
                joined = joined.and_visits(other)
            return joined
    for name in ("participants.tsv", "participants.csv"):
        if (root / name).is_file():
            return read_covariates(root / name, layout)
    return None


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in (".csv", ".tsv", ".xls") and path.name[0] != "."


def _known(name: str, layout: Layout, title: str = "") -> type[Known]:
    facts = {key: getattr(layout, key) for key in ("license", "citation", "url", "label_names")}
    own = {"layout": layout, "title": title, "__doc__": layout.summary, "__module__": __name__}
    return type(name, (Known,), own | facts)


Brats = _known("Brats", layouts.BRATS, "BraTS")
Oasis = _known("Oasis", layouts.OASIS, "OASIS-1")
Adhd200 = _known("Adhd200", layouts.ADHD200, "ADHD-200")
Abide = _known("Abide", layouts.ABIDE, "ABIDE")
FreeSurfer = _known("FreeSurfer", layouts.FREESURFER)
Hcp = _known("Hcp", layouts.HCP, "HCP")
NnUnet = _known("NnUnet", layouts.NNUNET)
