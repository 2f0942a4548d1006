"""The dataset ``dicom``: any tree of series becomes scans of people that nobody can name."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from brainzoo.api import (
    DataError,
    Dataset,
    NotFoundError,
    OptionError,
    Subject,
    Value,
    console,
)
from brainzoo_dicom.config import DicomConfig
from brainzoo_dicom.contrasts import CHANNELS, channel_of, kind_of
from brainzoo_dicom.headers import Header, Slice, read_slices
from brainzoo_dicom.people import pseudonym, salt
from brainzoo_dicom.series import Stack, stacks_of
from brainzoo_dicom.volume import SeriesVolume, volume_of

LEAST = 8
"""Slices of a series that is taken without being asked for; localisers have fewer."""

MAKERS = ("Siemens", "GE", "Philips", "Toshiba", "Canon", "Hitachi", "United Imaging", "Bruker")
"""The manufacturers that are told; what else a header says may be anything."""

NAMED_SERIES = 5
"""How many series are named in a line."""

Words = Mapping[str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True, repr=False)
class Found:
    """What was found below the root."""

    stacks: tuple[Stack, ...]
    files: int
    damaged: int
    links: int
    no_images: int


@dataclasses.dataclass(frozen=True, repr=False)
class Chosen:
    """A stack that becomes a channel of a scan of a person."""

    stack: Stack
    channel: str
    person: str

    @property
    def name(self) -> str:
        """How errors name it."""
        number = self.stack.header.number
        return f"series {number} ({self.channel})" if number is not None else self.channel


class Dicom(Dataset):
    """Series of scanners, at any depth of a folder.

    A study is a visit, a PatientID a person, a series a channel. Nothing that :meth:`subjects`
    yields holds a name, a date, an id, an institution or a description: ids are pseudonyms, visits
    are numbered, ages are in years.
    """

    config: DicomConfig
    _found: Found | None = None

    @property
    def license(self) -> str:  # type: ignore[override]  # the user's, never set
        """The licence that was given."""
        return self.config.license

    @property
    def citation(self) -> str:  # type: ignore[override]
        """The citation that was given."""
        return self.config.citation

    @property
    def channels(self) -> tuple[str, ...]:  # type: ignore[override]
        """The contrasts that were asked for, else those of ``series``."""
        return self.config.channels or tuple(_wanted(self.config.series))

    def subjects(self) -> Iterator[Subject]:
        """Yield the scans in the order of pseudonyms and visits.

        Raises:
            OptionError: No folder was given.
            NotFoundError: It is not there.
            DataError: It holds no DICOM, no anatomical series, or people that nothing tells apart.
        """
        root = _folder(self.config.root)
        if self._found is None:
            self._found = _read(root)
        found = self._found
        if not found.stacks:
            raise _no_series(root, found)
        self.understood.clear()
        chosen = self._chosen(root, found)
        visits: dict[str, dict[str, list[Chosen]]] = defaultdict(lambda: defaultdict(list))
        for one in chosen:
            visits[one.person][one.stack.header.study].append(one)
        for person in sorted(visits):
            studies = sorted(
                visits[person].values(), key=lambda of: min(one.stack.header.when for one in of)
            )
            self._check_one_person(person, studies)
            for number, study in enumerate(studies, start=1):
                visit = f"ses-{number}" if len(studies) > 1 else ""
                yield from self._scans(person, visit, study)

    def __getstate__(self) -> dict[str, object]:
        """Leave headers, which name people, where they were read."""
        return {**self.__dict__, "_found": None}

    def _chosen(self, root: Path, found: Found) -> list[Chosen]:
        """Decide what each stack is; the notes say what is left out, and why."""
        wanted = _wanted(self.config.series)
        taken: list[tuple[Stack, str]] = []
        others: Counter[str] = Counter()
        unknown: list[Stack] = []
        for stack in found.stacks:
            if wanted:
                channel, other = _matching(stack.header, wanted), "not asked for"
            else:
                other = _other_kind(stack)
                channel = "" if other else channel_of(stack.first)
            if channel and (not self.channels or channel in self.channels):
                taken.append((stack, channel))
            elif other or channel:
                others[other or f"of {channel}"] += 1
            else:
                unknown.append(stack)
        self._note(found, others, unknown)
        if not taken:
            raise self._nothing_taken(root, found, others, unknown)
        return self._with_people(root, taken)

    def _with_people(self, root: Path, taken: list[tuple[Stack, str]]) -> list[Chosen]:
        nobody = sum(not self._identity(root, stack) for stack, _ in taken)
        if nobody:
            what = "no PatientID" if self.config.person == "id" else "no folder of their own"
            raise DataError(
                f"{nobody} of {len(taken)} series have {what}: it is not known who is who.",
                "If each folder right below the root is a person: --data.person folder; if each "
                "study is: --data.person study",
            )
        key = salt()
        chosen = [
            Chosen(stack, channel, pseudonym(key, self._identity(root, stack)))
            for stack, channel in taken
        ]
        if self.config.repeats:
            return chosen
        best: dict[tuple[str, str, str], Chosen] = {}
        for one in sorted(chosen, key=_rank):
            best.setdefault((one.person, one.stack.header.study, one.channel), one)
        more = Counter(one.channel for one in chosen) - Counter(o.channel for o in best.values())
        if more:
            self.understood["repeated"] = (
                f"{_counted(more)}: the finest of a study is taken (--data.repeats keeps all)"
            )
        kept = set(map(id, best.values()))
        return [one for one in chosen if id(one) in kept]

    def _identity(self, root: Path, stack: Stack) -> str:
        header = stack.header
        if self.config.person == "id":
            return header.patient
        if self.config.person == "study":
            return header.study
        inside = stack.first.path.relative_to(root).parts
        return inside[0] if len(inside) > 1 else ""

    def _scans(self, person: str, visit: str, study: list[Chosen]) -> Iterator[Subject]:
        """Yield the scans of a visit: one, or one a run where series were repeated."""
        by_channel: dict[str, list[Chosen]] = defaultdict(list)
        for one in study:
            by_channel[one.channel].append(one)
        order = self.channels or (*CHANNELS, *sorted(by_channel))
        runs = max(map(len, by_channel.values()))
        for run in range(runs):
            images: dict[str, SeriesVolume] = {}
            for channel in dict.fromkeys(order):
                of = by_channel.get(channel, [])
                for one in of[run : run + 1] or (of if len(of) == 1 else []):
                    images[channel] = volume_of(one.stack, one.name)
            yield Subject(
                person,
                images,
                scan="_".join(filter(None, [visit, f"run-{run + 1}" if runs > 1 else ""])),
                covariates=_covariates(study[0].stack.header),
                key=_key(images),
            )

    def _check_one_person(self, person: str, studies: Sequence[Sequence[Chosen]]) -> None:
        """Note a PatientID that seems to stand for several people."""
        headers = [study[0].stack.header for study in studies]
        facts = ({header.sex for header in headers}, {header.born for header in headers})
        if any(len(values - {None, ""}) > 1 for values in facts):
            self.understood[f"perhaps several people: {person}"] = (
                "sex or date of birth differ between studies of one PatientID; if folders right "
                "below the root are people: --data.person folder"
            )

    def _note(self, found: Found, others: Counter[str], unknown: list[Stack]) -> None:
        if others:
            self.understood["series left out"] = _counted(others)
        if unknown:
            self.understood["contrast unknown"] = (
                f"{_named(unknown)}: left out; --data.series says what they are"
            )
        copies = sum(stack.copies for stack in found.stacks)
        counts = {
            "files of copies": copies,
            "files damaged": found.damaged,
            "links outside": found.links,
        }
        self.understood |= {label: f"{count}: left out" for label, count in counts.items() if count}

    def _nothing_taken(
        self, root: Path, found: Found, others: Counter[str], unknown: list[Stack]
    ) -> DataError:
        parts = _counted(others)
        if unknown:
            parts = "; ".join(filter(None, [parts, f"of unknown contrast: {_named(unknown)}"]))
        if self.config.series:
            return DataError(
                f"none of the {len(found.stacks)} series below {root} is one of "
                f"{', '.join(self.config.series)}.",
                "Descriptions are compared in small letters; * stands for anything.",
            )
        return DataError(
            f"none of the {len(found.stacks)} series below {root} is an anatomical scan that was "
            f"asked for: {parts}.",
            "Say which are: --data.series T1w=WORD, a word of the description or a series number.",
        )


def _folder(root: Path | None) -> Path:
    if root is None:
        raise OptionError("dataset 'dicom' needs a folder.", "Give it with --data.root.")
    root = root.expanduser()
    if not root.exists():
        raise NotFoundError(f"there is no folder {root}.", "Check --data.root.")
    if not root.is_dir():
        raise DataError(f"{root} is a file; expected a folder.", "Check --data.root.")
    return root


def _read(root: Path) -> Found:
    """Read the headers of all files below a folder."""
    files, links = _files_below(root)
    slices: list[Slice] = []
    damaged = no_images = 0
    with console.progress("reading headers", len(files)) as advance:
        for path in files:
            try:
                images = read_slices(path)
            except ValueError:
                damaged += 1
            else:
                slices += images or []
                no_images += images == []
            advance(1)
    mri = [one for one in slices if one.header.modality in ("MR", "")]
    no_images += len(slices) - len(mri)
    return Found(tuple(stacks_of(mri)), len(files), damaged, links, no_images)


def _files_below(root: Path) -> tuple[list[Path], int]:
    """Return the files below a folder in a stable order, and how many links lead out of it."""
    files, links = [], 0
    inside = root.resolve()
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links += sum((Path(folder) / name).is_symlink() for name in folders)
        for name in sorted(names):
            path = Path(folder) / name
            if name.startswith(".") or not path.is_file():
                continue
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                links += 1
            else:
                files.append(path)
    return files, links


def _no_series(root: Path, found: Found) -> DataError:
    if found.damaged or found.no_images:
        return DataError(
            f"no MR images below {root}: of {found.files} files {found.damaged} are damaged DICOM "
            f"and {found.no_images} DICOM of another kind.",
            "Copy them from the archive again, or check --data.root.",
        )
    more = f"; {found.links} links that lead outside it were left out" if found.links else ""
    return DataError(
        f"no DICOM files below {root}: looked at {found.files} files{more}.",
        "Check --data.root. NIfTI is read by --data folder.",
    )


def _wanted(series: Sequence[str]) -> Words:
    """Return the words of ``--data.series`` by channel."""
    wanted: dict[str, tuple[str, ...]] = {}
    for text in series:
        channel, _, word = text.partition("=")
        wanted[channel.strip()] = (*wanted.get(channel.strip(), ()), word.strip().lower())
    return wanted


def _matching(header: Header, wanted: Words) -> str:
    """Return the channel that was asked for by a word, a pattern or a number of the series."""
    texts = [text.lower() for text in header.description.split(" | ")]
    for channel, words in wanted.items():
        for word in words:
            pattern = word if re.search(r"[*?]", word) else f"*{word}*"
            if word.isdigit():
                if header.number == int(word):
                    return channel
            elif any(fnmatchcase(text, pattern) for text in texts):
                return channel
    return ""


def _other_kind(stack: Stack) -> str:
    kind = kind_of(stack.first)
    return kind or ("of few slices" if len(stack.slices) < LEAST else "")


def _rank(one: Chosen) -> tuple[bool, bool, float, int, int]:
    """Sort the series of one contrast: whole, original, fine and early ones first."""
    stack = one.stack
    coarsest = max(stack.spacing_mm) if len(stack.slices) > 1 else 1e3
    number = stack.header.number or 0
    return bool(stack.problem), bool(kind_of(stack.first)), coarsest, -len(stack.slices), number


def _covariates(header: Header) -> dict[str, Value]:
    maker = header.manufacturer.lower()
    known = next((name for name in MAKERS if re.search(rf"\b{name.lower()}", maker)), None)
    return {
        "age": header.age,
        "sex": header.sex,
        "manufacturer": known,
        "field_t": None if header.field_t is None else round(header.field_t, 1),
    }


def _key(images: Mapping[str, SeriesVolume]) -> str:
    """Return what changes with the content; a hash, as paths may name people."""
    digest = hashlib.sha256()
    for channel, volume in images.items():
        digest.update(f"{channel} {dataclasses.replace(volume, pieces=())}".encode())
        for piece in volume.pieces:
            status = piece.path.stat()
            digest.update(f"{piece} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def _named(stacks: Sequence[Stack]) -> str:
    """Name series by their numbers, which tell nothing of anybody."""
    numbers = [stack.header.number for stack in stacks]
    shown = ", ".join("without number" if n is None else f"{n}" for n in numbers[:NAMED_SERIES])
    more = f" and {len(numbers) - NAMED_SERIES} more" if len(numbers) > NAMED_SERIES else ""
    return f"series {shown}{more}"
