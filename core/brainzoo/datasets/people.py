"""Which files belong to one person and one scan; refuses what is ambiguous.

One person never stands in two splits: where names leave two readings, an error shows both and names
the option that decides.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from brainzoo.common.errors import DataError
from brainzoo.datasets.names import NUMBERED, TIMEPOINT, Name, channel_name, read_part
from brainzoo.datasets.tree import stem

DECIDE = (
    "Say which part of the path is the person: --data.subject-pattern with a group, for example "
)
PERSON_FOLDER = re.compile(
    r"(?:p|pat|patient|s|subj|subject|sub|case|id|participant|proband|volunteer|v|c|hc|mr|scan)?"
    r"[-_ ]?\d+",
    re.IGNORECASE,
)
"""Folders that are called like a person."""
MOST_SCANS = 50  # of one person; a folder of more files holds several people


@dataclasses.dataclass(frozen=True)
class File:
    """A file and what its path says."""

    path: Path
    place: str
    name: Name


def by_pattern(paths: Mapping[str, Path], pattern: str) -> list[File]:
    """Read files by a regular expression of the user's, sought in a file's name, then in its place.

    Its first group, or that named ``subject``, is the subject; there may be groups named
    ``session`` and ``channel``. A file without a subject is a DataError.
    """
    files = []
    for place, path in paths.items():
        found = (re.search(pattern, text) for text in (path.name, place))
        groups = next((m.groupdict() | {"": m[1]} for m in found if m and m[1]), {})
        person = groups.get("subject") or groups.get("")
        if not person:
            raise DataError(
                f"subject_pattern {pattern!r} finds no subject in {place!r}.",
                "Every scan needs a subject, so that no person is in two splits.",
            )
        read = _read(place)[0]
        name = dataclasses.replace(
            read,
            person=stem(Path(person)),
            visit=groups.get("session") or read.visit,
            channel=channel_name(groups.get("channel") or read.channel),
            detail="_".join(filter(None, (read.detail, _without(read.person, person)))),
            study=True,
        )
        files.append(File(path, place, name))
    return files


def by_names(paths: Mapping[str, Path], known: Collection[str] = ()) -> list[File]:
    """Read files by their names and folders; ids of the table (``known``) decide in doubt."""
    timepoints = any(TIMEPOINT.search(place) for place in paths)
    first = re.compile(r"(?:t[12]w?|flair)[-_]", re.IGNORECASE)
    groups = not any(first.match(path.name) for path in paths.values())
    read = {place: _read(place, groups, timepoints) for place in paths}
    files = [File(path, place, read[place][0]) for place, path in paths.items()]
    unsure = [file for file in files if not file.name.study]
    taken = _people(unsure, {place: folder for place, (_, folder) in read.items()}, known)
    decided = dict(zip((file.place for file in unsure), taken, strict=True))
    check_alike([file for file in taken if file.place not in known], known)
    return [decided.get(file.place, file) for file in files]


def _read(place: str, groups: bool = True, timepoints: bool = False) -> tuple[Name, str]:
    """Return what a path says, and the person that its nearest telling folder names."""
    *folders, last = place.split("/")
    first = read_part(stem(Path(last)), groups=groups, timepoints=timepoints)
    above = [read_part(each, timepoints=timepoints, folder=True) for each in reversed(folders)]
    parts = [first, *above]
    study = next((part for part in parts if part.study), first)
    kind = next((part for part in parts if part.kind != "scan"), first)
    details = [part.detail for part in reversed(parts)]
    if study is not first:
        details.append(first.person)
    name = Name(
        study.person,
        next((part.visit for part in parts if part.visit), ""),
        "_".join(dict.fromkeys(filter(None, details))),
        next((part.channel for part in parts if part.channel), ""),
        kind.kind,
        kind.word,
        study.study,
    )
    return name, next((part.person for part in above if part.person), "")


def _people(
    files: Sequence[File], folders: Mapping[str, str], known: Collection[str]
) -> list[File]:
    """Decide for names or for folders as persons, for all files alike."""
    stems = {file.place: file.name.person for file in files}
    telling = [place for place in stems if folders[place]]
    if not telling:
        return [_with_person(f, stems[f.place] or _alone(f)) for f in files]
    for place in telling:  # P001_nifti/P001_T1: the folder is P001
        if stems[place] and re.match(re.escape(stems[place]) + r"[-_. ]", folders[place]):
            shorter = folders[place]
            folders = {p: stems[place] if f == shorter else f for p, f in folders.items()}
    in_folder: dict[str, set[str]] = defaultdict(set)
    of_stem: dict[str, set[str]] = defaultdict(set)
    for place in telling:
        in_folder[folders[place]].add(stems[place])
        of_stem[stems[place]].add(folders[place])
    most = max(map(len, in_folder.values()))
    begin = all(
        re.search(r"\d", folder) and person.lower().startswith(folder.lower())
        for folder, people in in_folder.items()
        for person in people
        if person
    )

    def listed(ids: Iterable[str]) -> bool:
        found = [id_.lower().removeprefix("sub-") in known for id_ in ids if id_]
        return bool(found) and sum(found) * 2 > len(found)

    repeated = any(person and len(at) > 1 for person, at in of_stem.items())
    by_folder = False
    if known and listed(stems.values()) != listed(folders[place] for place in telling):
        by_folder = not listed(stems.values())
    elif (most <= MOST_SCANS and (begin or all(map(PERSON_FOLDER.fullmatch, in_folder)))) or (
        repeated and len(in_folder) >= sum(map(bool, of_stem))
    ):
        by_folder = True
    elif repeated or 1 < most <= len(in_folder):
        place = next(p for p in telling if len(of_stem[stems[p]]) > 1 or not repeated)
        raise DataError(
            f"it is not known who is who: is {place!r} a scan of {folders[place]!r} (then "
            f"{len(in_folder)} people have up to {most} scans) or of {stems[place]!r} (then "
            f"{len(of_stem)} people)?",
            f"{DECIDE}'^([^/]+)/' for the folder, or '([^/]+)[.]nii' for the file.",
        )
    found = []
    for file in files:
        person, folder = stems[file.place], folders[file.place]
        inside = bool(re.search(r"\d", folder)) and person.lower().startswith(folder.lower())
        if folder and (by_folder or not person or inside):
            person = folder
        found.append(_with_person(file, person or _alone(file)))
    return found


def _alone(file: File) -> str:
    """Return an id for a file of which nothing names a person."""
    text = stem(file.path)
    visits = [part for part in file.place.split("/")[:-1] if read_part(part, folder=True).visit]
    if len(visits) > 1:
        return visits[0]  # M01/Month_12/T1.nii.gz
    return text if NUMBERED.fullmatch(text) else "person"


def _with_person(file: File, person: str) -> File:
    detail = [file.name.detail, _without(file.name.person, person)]
    named = dataclasses.replace(file.name, person=person, detail="_".join(filter(None, detail)))
    return dataclasses.replace(file, name=named)


def _without(text: str, person: str) -> str:
    return text.replace(person, "").strip("-_. ") if text != person else ""


def check_alike(files: Sequence[File], known: Collection[str] = ()) -> None:
    """Refuse ids that look like one person's: the same prefix, and endings that others share."""
    ids = {file.name.person for file in files}
    ids -= {id_ for id_ in ids if id_.lower() in known}
    endings: dict[str, set[str]] = defaultdict(set)
    for id_ in ids:
        for match in re.finditer(r"[-_. ]|(?<=\d)(?=[A-Za-z]+$)", id_):
            prefix, ending = id_[: match.start()], id_[match.end() :]
            if re.search(r"\d", prefix) and ending:
                endings[prefix] |= {ending, ""} if prefix in ids else {ending}
    for id_ in sorted(ids):
        rest = re.sub(r"^[A-Za-z]+[-_. ]", "", id_)
        if rest != id_ and rest in ids and re.search(r"\d", rest):
            raise DataError(
                f"{id_} and {rest} look like scans of one person, but nothing says so.",
                f"{DECIDE}'([^-_]+)[.]nii' for one person, or '^(.+)[.]nii' if each is another.",
            )
    shared = Counter(ending for found in endings.values() for ending in found)
    common = {ending for ending, times in shared.items() if times > 1}
    alike = {p: found & common for p, found in endings.items() if len(found & common) > 1}
    values = set().union(*alike.values())
    words = [value for value in values if not re.search(r"\d", value)]
    if not alike or (not words and len(alike) < len(values)):
        return
    prefix = min(sorted(alike), key=len)
    members = sorted(id_ for id_ in ids if id_.startswith(prefix))
    parts = len(re.findall(r"[-_. ]", prefix))
    glued = not re.match(r"[-_. ]", members[-1][len(prefix) :])
    pattern = r"^(.*\d)[A-Za-z]+\." if glued else rf"^([^-_ ]+(?:[-_ ][^-_ ]+){{{parts}}})"
    raise DataError(
        f"{', '.join(members[:4])} look like scans of one person, {prefix} (and so do those of "
        f"{len(alike) - 1} others), but nothing says so.",
        f"{DECIDE}'{pattern}' for one person, or '^(.+)[.]nii' if each is another.",
    )
