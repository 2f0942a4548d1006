"""From the files of a known layout, or of any folder, to subjects."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from brainzoo.common.errors import DataError, NotFoundError
from brainzoo.common.files import read_json
from brainzoo.data.subjects import Subject
from brainzoo.data.volumes import Volume, read_volume
from brainzoo.datasets.config import KnownConfig
from brainzoo.datasets.covariates import Covariates, read_covariates
from brainzoo.datasets.grouping import Scan, scan_names, scans_of
from brainzoo.datasets.layouts import LAYOUTS, Layout
from brainzoo.datasets.names import CONTRASTS, channel_name
from brainzoo.datasets.people import File, check_alike
from brainzoo.datasets.tree import VOLUMES, existing_root, files_below, stem
from brainzoo.plugin.interfaces import Dataset


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
        """Yield the scans in the order of people and visits."""
        root = self.root()
        here, gone, links = volumes_below(root, self.config)
        found = self.read(here | gone)
        if not any(file.place in here for file in found):
            example = next(iter(here), "nothing")
            raise DataError(
                f"no {' '.join([*self.config.channels, 'scans'])} of {self.layout.name} below "
                f"{root}: found {len(here)} volumes{f' ({example}, ...)' if here else ''}, none "
                "named as there" + (f"; {links} links lead outside." if links else "."),
                "Check --data.root; for other names use --data folder.",
            )
        yield from self.from_files(root, found, set(gone), self.table(root))

    def read(self, paths: Mapping[str, Path]) -> list[File]:
        """Return the files that are named as in the layout, of people who can be told apart."""
        names = {place: self.layout.read(place) for place in paths}
        files = [File(paths[place], place, name) for place, name in names.items() if name]
        check_alike([file for file in files if not file.name.study])
        lost = len(paths) - len(files)
        if lost:
            self.understood["left out"] = f"{lost} files that are not named as in this layout"
        return files

    def table(self, root: Path) -> Covariates | None:
        """Return the table that is given, else the layout's, else the root's own."""
        return find_table(root, self.config.table, self.layout)

    def from_files(
        self, root: Path, files: list[File], gone: set[str], table: Covariates | None
    ) -> Iterator[Subject]:
        """Yield the subjects of files, with what the table knows of them."""
        names, labels = self._dataset_json()
        self.label_names = labels or {int(k): v for k, v in self.layout.label_names.items()}
        # as the Decathlon stores them, each file may hold all channels
        packed = list(names.values()) if len(names) > 1 else []
        if any(file.name.word for file in files if file.name.kind == "scan"):
            packed = []
        asked = set(self.channels)
        if packed and asked and not asked & set(packed):
            raise self._nothing_wanted(root, Counter(packed), files)
        unknown = self.channels[0] if len(asked) == 1 or (packed and asked) else "T1w"
        for i, file in enumerate(files):
            channel = file.name.channel or unknown
            name = dataclasses.replace(file.name, channel=names.get(channel, channel))
            files[i] = dataclasses.replace(file, name=name)
        images = [file for file in files if file.name.kind == "scan"]
        wanted = [file for file in images if not asked or file.name.channel in asked]
        there = Counter(file.name.channel for file in images)
        if not wanted:
            raise self._nothing_wanted(root, there, files)
        self._check_here(wanted, gone)
        there += Counter(file.name.word for file in files if file.name.kind == "other")
        not_taken = there - Counter(file.name.channel for file in wanted)
        parts = [f"{count} {word}" for word, count in not_taken.most_common(6)]
        if parts:
            before = self.understood.get("left out")
            self.understood["left out"] = ", ".join(filter(None, [before, *parts]))
        keep = [f for f in files if f.name.kind != "scan" or not asked or f.name.channel in asked]
        here = [file for file in keep if file.place not in gone]
        rank = {file.name.word: self.layout.rank(file.name.word) for file in here}
        scans = scans_of(here, rank=rank, label_word=self.config.labels)
        unused = {f.path for f in here if f.name.kind == "label"} - {scan.labels for scan in scans}
        if unused:
            self.understood["label maps left out"] = (
                f"{len(unused)}, for example {min(unused).name}: of another kind, or of no scan"
            )
        named = zip(scans, scan_names(scans), strict=True)
        found = [self._subject(scan, name, table, packed) for scan, name in named]
        if table:
            table.check_joined(scan.person for scan in scans)
            self.understood |= table.notes
            missing = len(table) - len(table.found)
            if missing:
                self.understood["in the table only"] = f"{missing} people without a scan"
        yield from found

    def _subject(
        self, scan: Scan, name: str, table: Covariates | None, packed: list[str]
    ) -> Subject:
        first, key = next(iter(scan.images.values())), ""
        order = self.channels or (*CONTRASTS, *scan.images)
        images: dict[str, Path | Callable[[], Volume]] = {
            channel: scan.images[channel] for channel in order if channel in scan.images
        }
        if packed:
            images = {
                channel: functools.partial(read_volume, first, index=i)
                for i, channel in enumerate(packed)
                if not self.channels or channel in self.channels
            }
            status = first.stat()
            key = f"{first.absolute()} {status.st_size} {status.st_mtime_ns}"
        return Subject(
            scan.person,
            images,
            scan=name,
            labels=scan.labels,
            mask=scan.mask,
            key=key,
            **known_of(table, scan.person, stem(first), scan.visit),
        )

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

    def _nothing_wanted(self, root: Path, there: Counter[str], files: list[File]) -> DataError:
        if there:
            counts = ", ".join(f"{name} ({count})" for name, count in there.items())
            return DataError(
                f"no {', '.join(self.channels)} scans in {root}; there are {counts}.",
                "Choose one with --data.channels.",
            )
        return DataError(
            f"no scans in {root}: all {len(files)} volumes are label maps, masks or other images, "
            f"for example {files[0].place}.",
            "Check --data.root.",
        )

    def _dataset_json(self) -> tuple[dict[str, str], dict[int, str]]:
        """Return the channels (by number) and labels of nnU-Net's ``dataset.json``."""
        path = (self.config.root or Path()).expanduser() / "dataset.json"
        content = read_json(path) if self.layout is LAYOUTS["nnunet"] else {}
        try:
            channels = content.get("channel_names") or content.get("modality") or {}
            names = {f"{int(number):04d}": channel_name(str(n)) for number, n in channels.items()}
            pairs = (
                (key, value) if str(key).isdigit() else (value, key)  # the Decathlon's, nnU-Net's
                for key, value in (content.get("labels") or {}).items()
            )
            return names, {int(number): str(name) for number, name in pairs if int(number)}
        except (ValueError, AttributeError, TypeError) as error:
            raise DataError(f"{path.name} of nnU-Net cannot be read: {error}.") from error


def known_of(table: Covariates | None, person: str, stem: str, visit: str = "") -> dict[str, Any]:
    """Return covariates and class of a scan from the table, if there is one, for a subject."""
    known = dict(table.find(person, stem, visit) or {}) if table else {}
    own_class = known.pop("class", None)
    return {"covariates": known, "class_name": str(own_class) if own_class else None}


def volumes_below(root: Path, config: KnownConfig) -> tuple[dict[str, Path], dict[str, Path], int]:
    """Return the volumes below a folder by their place, those not here, and links left out."""
    files, gone, links = files_below(root, follow_links=config.follow_links)
    here, absent = (
        {p.relative_to(root).as_posix(): p for p in paths if p.name.lower().endswith(VOLUMES)}
        for paths in (files, gone)
    )
    return here, absent, links


def find_table(root: Path, given: Path | None, layout: Layout | None = None) -> Covariates | None:
    """Read the table given by ``--data.table`` (from here or below the root), or the root's own."""
    if given is not None:
        given = given.expanduser()
        for path in (given, root / given):
            if path.is_file():
                return read_covariates(path, layout)
        raise NotFoundError(f"there is no table {given}, here or below {root}.")
    names = layout.tables if layout else ()
    near = sorted([*root.glob("*"), *root.glob("*/*")]) if names else []
    kinds = (".csv", ".tsv", ".xls")
    tables = [p for p in near if p.suffix.lower() in kinds and not p.name.startswith(".")]
    for name in names:
        fitting = [p for p in tables if p.match(name) or Path(p.name.lower()).match(name)]
        if fitting:
            read = [read_covariates(path, layout) for path in fitting]
            return functools.reduce(Covariates.and_visits, read)
    for name in ("participants.tsv", "participants.csv"):
        if (root / name).is_file():
            return read_covariates(root / name, layout)
    return None


def __getattr__(name: str) -> type[Known]:
    """Return the dataset of a layout: ``brats``, ``oasis``, ..."""
    if name not in LAYOUTS:
        raise AttributeError(name)
    layout = LAYOUTS[name]
    facts = {key: getattr(layout, key) for key in ("license", "citation", "url")}
    own = {"layout": layout, "__doc__": layout.summary, "__module__": __name__}
    return type(name, (Known,), own | facts)
