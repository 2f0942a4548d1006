"""Any folder of volumes, or of class sub-folders of slice pictures."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

from brainzoo.common.errors import DataError
from brainzoo.data.subjects import Subject
from brainzoo.datasets.config import FolderConfig
from brainzoo.datasets.covariates import Covariates
from brainzoo.datasets.known import Known, find_table, volumes_below
from brainzoo.datasets.layouts import Layout, recognised
from brainzoo.datasets.masks import Masks
from brainzoo.datasets.names import STUDY_IDS, read_part
from brainzoo.datasets.people import File, by_names, by_pattern, check_alike
from brainzoo.datasets.tree import PICTURES, VOLUMES, existing_root, files_below, stem

__all__ = ["Folder", "find_table"]

GENERIC = Layout("folder", "", ())
SLICE = re.compile(r"[-_. ](?:slice|z)[-_ ]?\d+$", re.IGNORECASE)
NUMBER = re.compile(r"[-_. (]*\d+\)?$")
"""What at the end of a picture's name may number a slice, or a person."""

OTHER_FORMATS = {
    (".dcm", ".ima"): (
        "DICOM",
        "Convert them with dcm2niix.",
    ),
    (".hdr", ".img"): ("Analyze", "Convert them, for example with mri_convert or fslchfiletype."),
    (".mnc", ".mnc.gz"): ("MINC", "Convert them with mnc2nii."),
    (".nrrd", ".nhdr", ".mha", ".mhd"): ("NRRD or MetaImage", "Convert them with SimpleITK."),
    (".h5", ".mat", ".npz"): ("arrays", "Write them as NIfTI, for example with nibabel."),
}


class Folder(Known):
    """Scans that lie in a folder, at any depth.

    Volumes are taken if there are any, else pictures of slices (``.png``, ``.jpg``, ``.tif``,
    ``.npy``). Where the files lie in a known layout, it is used. Else visits, runs, contrasts and
    label maps are read from the names, and the rest is the person; where that leaves two readings,
    an error shows both.
    """

    config: FolderConfig

    layout = GENERIC

    @property
    def license(self) -> str:  # type: ignore[override]
        """The licence that was given, else that of the layout."""
        return self.layout.license if self.config.license == "unknown" else self.config.license

    @property
    def citation(self) -> str:  # type: ignore[override]
        """The citation that was given, else that of the layout."""
        return self.config.citation or self.layout.citation

    def subjects(self) -> Iterator[Subject]:
        """Yield the scans in the order of people and visits.

        Raises:
            DataError: There are none, the table or the masks fit none of them, or it is not known
                who is who.
        """
        root = existing_root(self.config.root, "folder")
        here, gone, links = volumes_below(root, self.config)
        files, _ = files_below(root, follow_links=self.config.follow_links)
        masks = Masks(root, self.config.masks, files)
        paths = {place: path for place, path in (here | gone).items() if not masks.owns(path)}
        fitting = {p: path for p, path in paths.items() if fnmatch(path.name, self.config.pattern)}
        pictures = [p for p in files if p.name.lower().endswith(PICTURES) and not masks.owns(p)]
        if paths and not fitting:
            raise DataError(
                f"none of the {len(paths)} scans below {root} fits the pattern "
                f"{self.config.pattern!r}; one is named {next(iter(paths.values())).name!r}.",
                "Correct --data.pattern.",
            )
        if fitting:
            self.layout = self._recognised(fitting)
            self.url = self.layout.url
            table = self.table(root)
            read = self._read(fitting, table)
            found = list(self.from_files(root, read, set(gone), table))
        elif pictures:
            found = list(self._pictures(root, pictures, self.table(root)))
        else:
            raise _no_scans(root, files, links)
        yield from self._completed(found, root, masks)

    def _recognised(self, paths: Mapping[str, Path]) -> Layout:
        if self.config.subject_pattern is not None or self.config.class_folders == "yes":
            return GENERIC
        layout = recognised(list(paths))
        if layout is not None:
            self.understood["layout"] = f"{layout.name} ({layout.summary.split(':')[0]})"
        return layout or GENERIC

    def _read(self, paths: Mapping[str, Path], table: Covariates | None) -> list[File]:
        if self.config.subject_pattern is not None:
            return by_pattern(paths, self.config.subject_pattern)
        if self.layout is not GENERIC:
            read = {place: self.layout.read(place) for place in paths}
            files = [File(paths[place], place, name) for place, name in read.items() if name]
            check_alike([file for file in files if not file.name.study])
            if len(files) < len(paths):
                lost = len(paths) - len(files)
                self.understood["left out"] = f"{lost} files that are not named as in this layout"
            return files
        classes = self.config.class_folders == "yes"
        inside = {_inside(place) if classes else place: path for place, path in paths.items()}
        if len(inside) < len(paths):
            inside = dict(paths)
        outside = {path: place for place, path in paths.items()}
        files = by_names(inside, table.ids if table else ())
        return [dataclasses.replace(file, place=outside[file.path]) for file in files]

    def _pictures(
        self, root: Path, pictures: list[Path], table: Covariates | None
    ) -> Iterator[Subject]:
        """Yield the pictures of slices, each a scan of its own."""
        looks = {path: _picture(path, root) for path in pictures}
        pictures = [
            path
            for path in pictures
            if looks[path][1] == "scan" and fnmatch(path.name, self.config.pattern)
        ]
        if self.config.subject_pattern is not None:
            paths = {path.relative_to(root).as_posix(): path for path in pictures}
            ids = {f.path: f.name.person for f in by_pattern(paths, self.config.subject_pattern)}
        else:
            ids = {path: looks[path][0] for path in pictures}
            _check_numbers(ids)
        names = _names_of_pictures(ids, root)
        channel = self.channels[0] if self.channels else "T1w"
        for path, subject in ids.items():
            known = dict(table.find(subject, stem(path)) or {}) if table else {}
            own_class = known.pop("class", None)
            yield Subject(
                subject,
                {channel: path},
                scan=names[path],
                covariates=known,
                class_name=str(own_class) if own_class else None,
            )
        if table:
            table.check_joined(ids.values())
            self.understood |= table.notes

    def _completed(self, found: list[Subject], root: Path, masks: Masks) -> Iterator[Subject]:
        """Yield subjects with masks and with the classes that folders say."""
        scans_of = Counter(subject.id for subject in found)
        firsts = {
            id(s): next((p for p in s.images.values() if isinstance(p, Path)), root) for s in found
        }
        classes = self._class_names(root, list(firsts.values()))
        completed = []
        for subject in found:
            first = firsts[id(subject)]
            mask = masks.of(first, subject.id, alone=scans_of[subject.id] == 1)
            completed.append(
                dataclasses.replace(
                    subject,
                    mask=mask or subject.mask,
                    class_name=classes.get(first, subject.class_name),
                )
            )
        masks.check_found(completed)
        yield from completed

    def _class_names(self, root: Path, scans: list[Path]) -> dict[Path, str]:
        wanted = self.config.class_folders
        if wanted == "auto":
            wanted = "yes" if scans[0].name.lower().endswith(PICTURES) else "no"
        if wanted == "no":
            return {}
        parts = {scan: scan.relative_to(root).parts for scan in scans}
        deep = {scan: own[0] for scan, own in parts.items() if len(own) > 1}
        if self.config.class_folders == "auto" and any(map(STUDY_IDS.search, deep.values())):
            return {}  # a folder per subject, not per class
        return deep


def _inside(place: str) -> str:
    return place.partition("/")[2] or place


def _picture(path: Path, root: Path) -> tuple[str, str]:
    """Return the person that a picture's name gives, and what it is."""
    place = path.relative_to(root).as_posix()
    read = read_part(stem(path))
    study = STUDY_IDS.search(stem(path)) or STUDY_IDS.search(place)
    parts = [read, *(read_part(part) for part in place.split("/")[:-1])]
    kind = next((part.kind for part in parts if part.kind in ("label", "mask")), "scan")
    return study[0] if study else read.person or stem(path), kind


def _check_numbers(ids: dict[Path, str]) -> None:
    """Refuse pictures whose ids differ in a bare number: slices of one person, or people?"""
    known: dict[str, str] = {}
    for path, subject in ids.items():
        if STUDY_IDS.fullmatch(subject) or SLICE.search(stem(path)) or not NUMBER.search(subject):
            continue
        other = known.setdefault(NUMBER.sub("", subject), subject)
        if other != subject:
            raise DataError(
                f"slices end in bare numbers ({other}, {subject}): it is not known which belong "
                "to one person, and nobody may be in two splits.",
                "Say how a file's name begins with the person: --data.subject-pattern "
                "'^(.+)_[0-9]+'; or '(.+)' if each picture is another person.",
            )


def _names_of_pictures(ids: dict[Path, str], root: Path) -> dict[Path, str]:
    """Name the pictures of subjects that have several: by stem, or by path where stems repeat."""
    pictures_of = Counter(ids.values())
    stems = Counter((subject, stem(path)) for path, subject in ids.items())
    names = {}
    for path, subject in ids.items():
        if pictures_of[subject] == 1:
            names[path] = ""
        elif stems[subject, stem(path)] == 1:
            names[path] = stem(path)
        else:
            names[path] = path.relative_to(root).as_posix()
    return names


def _no_scans(root: Path, files: list[Path], links: int) -> DataError:
    """Say what a folder holds instead of scans."""
    for endings, (name, hint) in OTHER_FORMATS.items():
        count = sum(path.name.lower().endswith(endings) for path in files)
        if count:
            return DataError(f"no NIfTI scans below {root}: found {count} files of {name}.", hint)
    bare = [path for path in files[:20] if not path.suffix or path.suffix[1:].isdigit()]
    if any(_is_dicom(path) for path in bare):
        name, hint = OTHER_FORMATS[".dcm", ".ima"]
        return DataError(f"no NIfTI scans below {root}: found files of {name}.", hint)
    return DataError(
        f"no scans below {root}: found {len(files)} files, none of them a "
        f"{', '.join((*VOLUMES, *PICTURES))}"
        + (f"; {links} links that lead outside it were left out." if links else "."),
        "To take the links, give --data.follow-links." if links else "Check --data.root.",
    )


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False
