"""What the name of a file says: whose scan it is, of which visit, which contrast, or a label map.

Words that people use for visits, runs, contrasts, label maps and processing (``words.toml``) are
taken out of the name; what remains is the person. A study's own ids (``sub-01``, ``OAS1_0001``) are
known as such.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

WORDS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
CONTRASTS: Mapping[str, str] = WORDS["contrasts"]
_SPELLINGS = {word: name for name, words in CONTRASTS.items() for word in words.split()}

_GLUED = r"|(?<=[0-9])(?=[a-z])"


def _words(words: Iterable[str], glued: str = "") -> re.Pattern[str]:
    """Return a pattern of words that stand alone, or also right behind a number."""
    pattern = rf"(?:^|(?<=[-_. /()]){glued})(?:{'|'.join(words)})(?=$|[-_. /()])"
    return re.compile(pattern, re.IGNORECASE)


_NAMES = WORDS["names"]
KINDS = {
    "mask": _words(_NAMES["masks"]),
    "run": _words(_NAMES["runs"]),
    "channel": _words([*_NAMES["sure"], *sorted(_SPELLINGS, key=len, reverse=True)], _GLUED),
    "visit": _words(_NAMES["visits"], _GLUED),
    "label": _words(_NAMES["labels"]),
    "other": _words(_NAMES["others"]),
    "processed": _words(_NAMES["processed"]),
}
"""Words by what they say, those that win over others first."""

_T = _words([r"t\d"])
NEUTRAL = re.compile(f"(?:{'|'.join(_NAMES['neutral'])})s?", re.IGNORECASE)
GROUPS_FIRST = re.compile("|".join(_NAMES["groups"]), re.IGNORECASE)

NUMBERED = re.compile(r"(?:scans?|mri?|exam|image|img|vol|series)?[-_ ]?\d+", re.IGNORECASE)
"""Names that may number the people of a folder, or the scans of a person."""

COUNTED = re.compile(r"([a-z]+(?:[-_ ][a-z]+)?)[-_ ](\d+)", re.IGNORECASE)
"""A word and a number that is set apart from it."""

TIMEPOINT = re.compile(r"(?<=[-_. /])t[03-9](?![a-z0-9])", re.IGNORECASE)
"""Where there is a T0 or a T3, T1 and T2 are visits too and no contrasts."""

STUDY_IDS = re.compile(
    r"(?P<bids>sub-[A-Za-z0-9]+)|(?:^|(?<=[-_/. ]))(?:(?P<ixi>IXI\d{3})(?!\d)|"
    r"(?P<oasis>OAS\d_?\d{4})(?!\d)|(?P<adni>\d{3}_S_\d{4,5})(?!\d)|"
    r"(?P<brats>BraTS(?:-[A-Z]+)+-\d{4,5})(?=-\d{3}(?!\d))|"
    r"(?P<old_brats>BraTS1[789]_[A-Za-z0-9]+_[A-Za-z0-9]+)(?=_\d(?!\d))|"
    r"(?P<ndar>NDAR_?(?:INV)?_?[A-Z0-9]{8})(?![A-Za-z0-9]))",
    re.IGNORECASE,
)
"""How studies write the id of a person."""


@dataclasses.dataclass(frozen=True)
class Name:
    """What names say."""

    person: str = ""
    visit: str = ""  # the session, for example MR2
    detail: str = ""  # what else distinguishes scans of one visit: runs, acquisitions, processing
    channel: str = ""  # the contrast as BIDS calls it; empty if unknown
    kind: str = "scan"  # or label, mask (of the brain), other (no anatomical scan)
    word: str = ""  # how a label map or another image is called
    study: bool = False  # whether the id is one of a known study


def channel_name(text: str) -> str:
    """Return BIDS's name of a contrast in any spelling: ``FLAIR`` for ``t2-flair``."""
    plain = re.sub(r"[-_ ]", "", text).lower()
    return _SPELLINGS.get(plain, text)


def read_part(
    text: str, *, groups: bool = True, timepoints: bool = False, folder: bool = False
) -> Name:
    """Read one part of a path: the stem of a file, or a folder's name (where a visit may be alone).

    With ``groups``, words that may name a group or number people are left where they come first;
    with ``timepoints``, ``T1`` is a visit.
    """
    study = STUDY_IDS.search(text)
    rest = text[: study.start()] + text[study.end() :] if study else text
    found: dict[str, list[str]] = {kind: [] for kind in ("timepoint", *KINDS)}
    kinds = {"timepoint": _T, **KINDS} if timepoints else KINDS
    for kind, pattern in kinds.items():
        first, alone = groups and not study, not (folder or study or _numbered(found["run"]))
        rest = "".join(_taken(rest, pattern, found[kind], first, alone))
    rest = _trimmed(rest)
    person = "" if NEUTRAL.fullmatch(rest) else rest
    if not person and not study and not folder:
        person = _number_of_a_person(found)
    details = found["run"] + found["processed"]
    if study and (number := re.match(r"\d+", person)) and "brats" in (study.lastgroup or ""):
        found["visit"], person = [number[0]], _trimmed(person[number.end() :])
    if study:
        details, person = [*filter(None, [person]), *details], study[0]
    channel = channel_name(found["channel"][0]) if found["channel"] else ""
    if any(word.lower().startswith("mpr") for word in found["run"]):
        channel = channel or "T1w"
    kind = next((kind for kind in ("mask", "label", "other") if found[kind]), "scan")
    word = found[kind][0] if kind != "scan" else ""
    visit = "_".join(found["timepoint"] + found["visit"])
    return Name(person, visit, "_".join(details), channel, kind, word, bool(study))


def _taken(
    text: str, pattern: re.Pattern[str], found: list[str], groups: bool, numbers: bool
) -> Iterator[str]:
    """Yield what remains of a text without the words of a kind, which are put into ``found``."""
    place = 0
    for match in pattern.finditer(text):
        before, after = _trimmed(text[: match.start()]), _trimmed(text[match.end() :])
        group = GROUPS_FIRST.fullmatch(match[0]) and after
        number = numbers and NUMBERED.fullmatch(match[0]) and not re.search(r"\d", after)
        if groups and not before and (group or number):
            continue
        if numbers and not before and not after and (counted := COUNTED.fullmatch(match[0])):
            # mprage_001, visit_001, followup_001: only the number distinguishes people
            if pattern.fullmatch(counted[1]):
                found.append(counted[1])
                place = match.start() + len(counted[1])
            continue
        found.append(match[0])
        yield text[place : match.start()]
        place = match.end()
    yield text[place:]


def _number_of_a_person(found: dict[str, list[str]]) -> str:
    """Return the long number behind a word, ``0001`` of ``baseline_mprage_0001``; else nothing."""
    for words in (found["run"], found["visit"]):
        if counted := _numbered(words):
            words[words.index(counted[0])] = counted[1]
            return counted[2]
    return ""


def _numbered(words: Iterable[str]) -> re.Match[str] | None:
    counts = (COUNTED.fullmatch(word) for word in words)
    return next((match for match in counts if match and len(match[2]) > 2), None)


def _trimmed(text: str) -> str:
    """Return a text without the separators that words have left."""
    return re.sub(r"([-_. ])[-_. ]+", r"\1", text.strip("-_. ()"))
