"""Any folder of volumes, or of class sub-folders of slice pictures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

from brainzoo.common.errors import DataError, NotFoundError
from brainzoo.data.subjects import Subject
from brainzoo.datasets.config import FolderConfig
from brainzoo.datasets.covariates import Covariates, read_covariates
from brainzoo.datasets.tree import PICTURES, VOLUMES, existing_root, files_below, stem
from brainzoo.plugin.interfaces import Dataset

MASK_WORDS = re.compile(
    r"(?:^|[-_. ])(?:(?:brain|head|lesion)?[-_]?masks?|seg(?:m|s|mentations?)?|dseg|probseg|"
    r"labels?|aseg|aparc|dlmuse|parcellations?|rois?)(?:[-_. ]|$)",
    re.IGNORECASE,
)
"""What in a file's name says that it is no scan."""

SUBJECT = re.compile(r"(sub-[A-Za-z0-9]+)|(?:^|[/_])(IXI\d{3})(?!\d)")
DETAIL = re.compile(
    r"[-_. ](?:T1w?|T2w?|PDw?|FLAIR|MPRAGE|anat|brain|(?:ses|session|visit|run|slice|z)[-_ ]?\d+)$",
    re.IGNORECASE,
)
"""What at the end of a file's name tells scans of one subject apart."""

SLICE = re.compile(r"[-_. ](?:slice|z)[-_ ]?\d+$", re.IGNORECASE)
NUMBER = re.compile(r"[-_. (]*\d+\)?$")
"""What at the end of a picture's name may number a slice, or a person."""


class Folder(Dataset):
    """Scans that lie in a folder, at any depth.

    Volumes (``.nii``, ``.nii.gz``) are taken if there are any, else pictures of slices (``.png``,
    ``.jpg``, ``.tif``, ``.npy``). The subject's id comes from the file's name; several files of
    one subject share it, and so the split. Where the names of pictures differ in a bare number
    only, nobody can tell slices of a person from people: the pattern has to be given. Masks and
    segmentations are not taken as scans.
    """

    config: FolderConfig

    def __init__(self, config: FolderConfig) -> None:
        super().__init__(config)
        self.license = config.license
        self.citation = config.citation
        self.channels = (config.modality,)

    def subjects(self) -> Iterator[Subject]:
        """Yield the scans in the order of their paths.

        Raises:
            DataError: There are none, the table or the masks fit none of them, or it is not known
                which pictures show one person.
        """
        root = existing_root(self.config.root, "folder")
        files, links = files_below(root, follow_links=self.config.follow_links)
        masks = _Masks(root, self.config.masks, files)
        scans = self._scans(root, files, links, masks)
        ids = {scan: self._subject_id(scan, root) for scan in scans}
        if self.config.subject_pattern is None:
            _check_numbers(ids)
        scans_of = Counter(ids.values())
        names = _scan_names(ids, root)
        table = find_table(root, self.config.table)
        classes = self._class_names(root, scans)
        joined = 0
        found = []
        for scan in scans:
            row = table.find(ids[scan], stem(scan)) if table else None
            joined += row is not None
            known = row or {}
            own_class = known.pop("class", None)
            found.append(
                Subject(
                    id=ids[scan],
                    images={self.channels[0]: scan},
                    scan=names[scan],
                    covariates=known,
                    class_name=classes.get(scan, str(own_class) if own_class else None),
                    mask=masks.of(scan, ids[scan], alone=scans_of[ids[scan]] == 1),
                )
            )
        if table:
            table.check_joined(joined, ids.values())
        masks.check_found(found)
        yield from found

    def _scans(self, root: Path, files: list[Path], links: int, masks: _Masks) -> list[Path]:
        images = [path for path in files if not masks.owns(path)]
        for endings in (VOLUMES, PICTURES):
            some = [p for p in images if p.name.lower().endswith(endings)]
            some = [p for p in some if not _looks_like_mask(p, root)]
            scans = [p for p in some if fnmatch(p.name, self.config.pattern)]
            if scans:
                return scans
            if some:
                raise DataError(
                    f"none of the {len(some)} scans below {root} fits the pattern "
                    f"{self.config.pattern!r}; one is named {some[0].name!r}.",
                    "Correct --data.pattern.",
                )
        raise DataError(
            f"no scans below {root}: found {len(files)} files, none of them a "
            f"{', '.join((*VOLUMES, *PICTURES))} that is no mask"
            + (f"; {links} links that lead outside it were left out." if links else "."),
            "To take the links, give --data.follow-links." if links else "Check --data.root.",
        )

    def _subject_id(self, scan: Path, root: Path) -> str:
        places = (stem(scan), scan.relative_to(root).as_posix())
        if self.config.subject_pattern is not None:
            for place in (scan.name, places[1]):
                match = re.search(self.config.subject_pattern, place)
                if match and match[1]:
                    return str(match[1])
            raise DataError(
                f"subject_pattern {self.config.subject_pattern!r} finds no subject in "
                f"{places[1]!r}.",
                "Every scan needs a subject, so that no person is in two splits.",
            )
        for place in places:
            match = SUBJECT.search(place)
            if match:
                return str(match[1] or match[2])
        name = places[0]
        while DETAIL.search(name, 1):
            name = DETAIL.sub("", name)
        return name

    def _class_names(self, root: Path, scans: list[Path]) -> dict[Path, str]:
        wanted = self.config.class_folders
        if wanted == "auto":
            wanted = "yes" if scans[0].name.lower().endswith(PICTURES) else "no"
        if wanted == "no":
            return {}
        parts = {scan: scan.relative_to(root).parts for scan in scans}
        deep = {scan: own[0] for scan, own in parts.items() if len(own) > 1}
        if self.config.class_folders == "auto" and any(map(SUBJECT.search, deep.values())):
            return {}  # a folder per subject, not per class
        return deep


class _Masks:
    """The brain masks of a folder: in a folder of their own, or beside the scans by a suffix."""

    def __init__(self, root: Path, where: str | None, files: list[Path]) -> None:
        self._where = where
        self._folder: Path | None = None
        self._suffix = ""
        self._files: list[Path] = []
        self._by_beginning: dict[str, list[Path]] = {}
        if where is None:
            return
        given = Path(where).expanduser()
        folders = [path for path in (root / given, given) if path.is_dir()]
        if folders:
            self._folder = folders[0]
            self._files = [
                path
                for path in files_below(folders[0])[0]
                if path.name.lower().endswith((*VOLUMES, *PICTURES))
            ]
        elif where[:1] in "-_." and "/" not in where:
            self._suffix = where
            self._files = [path for path in files if stem(path).endswith(where)]
        else:
            raise NotFoundError(
                f"there is no folder of masks {given}, below {root} or here.",
                "Check --data.masks; a suffix begins with '_' or '-'.",
            )
        for path in self._files:
            for beginning in _beginnings(stem(path)):
                self._by_beginning.setdefault(beginning, []).append(path)

    def owns(self, path: Path) -> bool:
        """Whether a file is one of the masks, and so no scan."""
        if self._folder is not None:
            return path.resolve().is_relative_to(self._folder.resolve())
        return bool(self._suffix) and stem(path).endswith(self._suffix)

    def of(self, scan: Path, subject: str, *, alone: bool) -> Path | None:
        """Return the mask of a scan, if there is exactly one that its name says is its.

        Args:
            scan: The scan's file.
            subject: Its subject's id.
            alone: Whether it is the subject's only scan; its mask may then be named by subject.
        """
        if self._suffix:
            beside = self._by_beginning.get(stem(scan) + self._suffix, [])
            return next((path for path in beside if path.parent == scan.parent), None)
        fitting = self._by_beginning.get(stem(scan), [])
        exact = [path for path in fitting if stem(path) == stem(scan)]
        if not fitting and alone:
            fitting = self._by_beginning.get(subject, [])
        chosen = exact or fitting
        return chosen[0] if len(chosen) == 1 else None

    def check_found(self, subjects: Iterable[Subject]) -> None:
        """Refuse masks that fit no scan at all."""
        if self._where is not None and not any(subject.mask for subject in subjects):
            raise DataError(
                f"masks {self._where!r}: none of the {len(self._files)} masks there fits a scan.",
                "A mask is named like its scan, or like its subject.",
            )


def _check_numbers(ids: dict[Path, str]) -> None:
    """Refuse pictures whose ids differ in a bare number: slices of one person, or people?"""
    known: dict[str, str] = {}
    for path, subject in ids.items():
        if not path.name.lower().endswith(PICTURES) or SUBJECT.fullmatch(subject):
            continue
        if SLICE.search(stem(path)) or not NUMBER.search(subject):
            continue
        other = known.setdefault(NUMBER.sub("", subject), subject)
        if other != subject:
            raise DataError(
                f"slices end in bare numbers ({other}, {subject}): it is not known which belong "
                "to one person, and nobody may be in two splits.",
                "Say how a file's name begins with the person: --data.subject-pattern "
                "'^(.+)_[0-9]+'; or '(.+)' if each picture is another person.",
            )


def _beginnings(name: str) -> list[str]:
    """Return a name and what it begins with up to any separator: a-b_c, a-b, a."""
    return [name, *(name[: match.start()] for match in re.finditer(r"[-_. ]", name))]


def _looks_like_mask(path: Path, root: Path) -> bool:
    parts = path.relative_to(root).parts[:-1]
    return any(MASK_WORDS.search(part) for part in (*parts, stem(path)))


def _scan_names(ids: dict[Path, str], root: Path) -> dict[Path, str]:
    """Name the scans of subjects that have several: by stem, or by path where stems repeat."""
    scans_of = Counter(ids.values())
    stems = Counter((subject, stem(path)) for path, subject in ids.items())
    names = {}
    for path, subject in ids.items():
        if scans_of[subject] == 1:
            names[path] = ""
        elif stems[subject, stem(path)] == 1:
            names[path] = stem(path)
        else:
            names[path] = path.relative_to(root).as_posix()
    return names


def find_table(root: Path, given: Path | None) -> Covariates | None:
    """Read the table given by ``--data.table`` (from here or below the root), or the root's own.

    Raises:
        NotFoundError: The table given is not there.
        DataError: It cannot be read.
    """
    if given is not None:
        given = given.expanduser()
        for path in (given, root / given):
            if path.is_file():
                return read_covariates(path)
        raise NotFoundError(f"there is no table {given}, here or below {root}.")
    for name in ("participants.tsv", "participants.csv"):
        if (root / name).is_file():
            return read_covariates(root / name)
    return None
