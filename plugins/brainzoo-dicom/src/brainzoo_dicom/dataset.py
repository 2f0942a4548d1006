"""The dataset ``dicom``: any tree of series becomes scans of people that nobody can name."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from brainzoo.api import DataError, Dataset, Subject, Value
from brainzoo_dicom.config import DicomConfig
from brainzoo_dicom.contrasts import (
    CHANNELS,
    channel_asked_for,
    channel_of,
    kind_of,
    wanted_words,
)
from brainzoo_dicom.headers import Header
from brainzoo_dicom.people import pseudonym, salt
from brainzoo_dicom.series import Stack
from brainzoo_dicom.tree import Found, folder_of, no_series, read_below
from brainzoo_dicom.volume import SeriesVolume, volume_of

LEAST = 8
"""Slices of a series that is taken without being asked for; localisers have fewer."""

MAKERS = ("Siemens", "GE", "Philips", "Toshiba", "Canon", "Hitachi", "United Imaging", "Bruker")
"""The manufacturers that are told; what else a header says may be anything."""

NAMED = 5
"""How many numbers of series are named in a line."""


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
        return self.config.channels or tuple(wanted_words(self.config.series))

    def subjects(self) -> Iterator[Subject]:
        """Yield the scans in the order of pseudonyms and visits.

        Raises:
            OptionError: No folder was given.
            NotFoundError: It is not there.
            DataError: It holds no DICOM, no anatomical series, or people that nothing tells apart.
        """
        root, found = self.found()
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

    def found(self) -> tuple[Path, Found]:
        """Return the root and what lies below it; its headers are read once.

        Raises:
            OptionError: No folder was given.
            NotFoundError: It is not there.
            DataError: It holds no DICOM.
        """
        root = folder_of(self.config.root)
        if self._found is None:
            self._found = read_below(root)
        if not self._found.stacks:
            raise no_series(root, self._found)
        return root, self._found

    def meaning(self, stack: Stack) -> tuple[str, str]:
        """Return the channel of a stack, or why it is none; both empty if nothing says it."""
        wanted = wanted_words(self.config.series)
        if wanted:
            channel = channel_asked_for(stack.header, wanted)
            return channel, "" if channel else "not asked for"
        other = _other_kind(stack)
        return "" if other else channel_of(stack.first), other

    def __getstate__(self) -> dict[str, object]:
        """Leave headers, which name people, where they were read."""
        return {**self.__dict__, "_found": None}

    def _chosen(self, root: Path, found: Found) -> list[Chosen]:
        """Decide what each stack is; the notes say what is left out, and why."""
        taken: list[tuple[Stack, str]] = []
        others: Counter[str] = Counter()
        unknown: list[Stack] = []
        for stack in found.stacks:
            channel, other = self.meaning(stack)
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
        nobody = sum(not self.identity(root, stack) for stack, _ in taken)
        if nobody:
            what = "no PatientID" if self.config.person == "id" else "no folder of their own"
            raise DataError(
                f"{nobody} of {len(taken)} series have {what}: it is not known who is who.",
                "If each folder right below the root is a person: --data.person folder; if each "
                "study is: --data.person study",
            )
        key = salt()
        chosen = [
            Chosen(stack, channel, pseudonym(key, self.identity(root, stack)))
            for stack, channel in taken
        ]
        if not self.config.repeats:
            chosen = self._best(chosen)
        faulty = [one for one in chosen if one.stack.problem]
        if faulty:
            self.understood["series with a fault"] = (
                f"{len(faulty)}: {faulty[0].name} of {faulty[0].person} {faulty[0].stack.problem}"
                + ("; ..." if len(faulty) > 1 else "")
            )
        return chosen

    def _best(self, chosen: list[Chosen]) -> list[Chosen]:
        """Return the finest series of each contrast of a study."""
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

    def identity(self, root: Path, stack: Stack) -> str:
        """Return what a pseudonym is made of; empty where nothing says who it is."""
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
            "files damaged": len(found.damaged),
            "files of other kinds": found.no_images,
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
                f"To see what is there: brainzoo dicom {root}",
            )
        return DataError(
            f"none of the {len(found.stacks)} series below {root} is an anatomical scan that was "
            f"asked for: {parts}.",
            "Say which are: --data.series T1w=WORD, a word of the description or a series number. "
            f"To see what is there: brainzoo dicom {root}",
        )


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
    digest, seen = hashlib.sha256(), set[Path]()
    for channel, volume in images.items():
        digest.update(f"{channel} {dataclasses.replace(volume, pieces=())}".encode())
        for piece in volume.pieces:
            digest.update(repr(piece).encode())
            if piece.path not in seen and piece.path.exists():
                status = piece.path.stat()
                digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
            seen.add(piece.path)
    return digest.hexdigest()


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def _named(stacks: Sequence[Stack]) -> str:
    """Name series by their numbers, which tell nothing of anybody."""
    numbers = sorted({n for stack in stacks if (n := stack.header.number) is not None})
    shown = ", ".join(map(str, numbers[:NAMED])) + (", ..." if len(numbers) > NAMED else "")
    return f"{len(stacks)} series" + (f" (number {shown})" if shown else "")
