"""Any folder of volumes, or of class sub-folders of slice pictures."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

from brainzoo.common.errors import DataError, NotFoundError
from brainzoo.data.subjects import Subject
from brainzoo.datasets.config import FolderConfig
from brainzoo.datasets.covariates import Covariates
from brainzoo.datasets.known import Known, known_of, volumes_below
from brainzoo.datasets.layouts import Layout, recognised
from brainzoo.datasets.names import STUDY_IDS, read_part
from brainzoo.datasets.people import File, by_names, by_pattern
from brainzoo.datasets.tree import PICTURES, VOLUMES, existing_root, files_below, stem

GENERIC = Layout("folder")
SLICE = re.compile(r"[-_. ](?:slice|z)[-_ ]?\d+$", re.IGNORECASE)
NUMBER = re.compile(r"[-_. (]*\d+\)?$")
"""What at the end of a picture's name may number a slice, or a person."""

OTHER_FORMATS = {
    (".dcm", ".ima"): ("DICOM", "Read them with --data dicom, or convert them with dcm2niix."),
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
        """Yield the scans in the order of people and visits."""
        root = existing_root(self.config.root, "folder")
        here, gone, links = volumes_below(root, self.config)
        files, _, _ = files_below(root, follow_links=self.config.follow_links)
        masks = find_masks(root, self.config.masks, files)
        owned = set(masks)
        files = [path for path in files if path not in owned]
        paths = {place: path for place, path in (here | gone).items() if path not in owned}
        fitting = {p: path for p, path in paths.items() if fnmatch(path.name, self.config.pattern)}
        pictures = [path for path in files if path.name.lower().endswith(PICTURES)]
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
            read = self._files(fitting, table)
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

    def _files(self, paths: Mapping[str, Path], table: Covariates | None) -> list[File]:
        if self.config.subject_pattern is not None:
            return by_pattern(paths, self.config.subject_pattern)
        if self.layout is not GENERIC:
            return self.read(paths)
        known = table.ids if table else ()
        inside = {place.partition("/")[2] or place: path for place, path in paths.items()}
        if self.config.class_folders != "yes" or len(inside) < len(paths):
            return by_names(paths, known)
        outside = {path: place for place, path in paths.items()}
        files = by_names(inside, known)
        return [dataclasses.replace(file, place=outside[file.path]) for file in files]

    def _pictures(
        self, root: Path, pictures: list[Path], table: Covariates | None
    ) -> Iterator[Subject]:
        """Yield the pictures of slices, each a scan of its own."""
        ids = {}
        for path in pictures:
            person, kind = _picture(path, root)
            if kind == "scan" and fnmatch(path.name, self.config.pattern):
                ids[path] = person
        if self.config.subject_pattern is not None:
            paths = {path.relative_to(root).as_posix(): path for path in ids}
            ids = {f.path: f.name.person for f in by_pattern(paths, self.config.subject_pattern)}
        else:
            _check_numbers(ids)
        pictures_of = Counter(ids.values())
        stems = Counter((subject, stem(path)) for path, subject in ids.items())
        channel = self.channels[0] if self.channels else "T1w"
        for path, subject in ids.items():
            unique = stems[subject, stem(path)] == 1
            name = stem(path) if unique else path.relative_to(root).as_posix()
            scan = name if pictures_of[subject] > 1 else ""
            known = known_of(table, subject, stem(path))
            yield Subject(subject, {channel: path}, scan=scan, **known)
        if table:
            table.check_joined(ids.values())
            self.understood |= table.notes

    def _completed(self, found: list[Subject], root: Path, masks: list[Path]) -> list[Subject]:
        """Return subjects with masks and with the classes that folders say."""
        scans_of = Counter(subject.id for subject in found)
        files = [
            next((path for path in subject.images.values() if isinstance(path, Path)), root)
            for subject in found
        ]
        classes = self._class_names(root, files)
        completed = []
        for subject, path in zip(found, files, strict=True):
            names = [stem(path), *([subject.id] if scans_of[subject.id] == 1 else [])]
            mask = mask_of(path, names, masks, self.config.masks or "") or subject.mask
            class_name = classes.get(path, subject.class_name)
            completed.append(dataclasses.replace(subject, mask=mask, class_name=class_name))
        if self.config.masks is not None and not any(subject.mask for subject in completed):
            raise DataError(
                f"masks {self.config.masks!r}: none of the {len(masks)} masks there fits a scan.",
                "A mask is named like its scan, or like its subject.",
            )
        return completed

    def _class_names(self, root: Path, scans: list[Path]) -> dict[Path, str]:
        wanted = self.config.class_folders
        pictures = scans[0].name.lower().endswith(PICTURES)
        if wanted == "no" or (wanted == "auto" and not pictures):
            return {}
        parts = {scan: scan.relative_to(root).parts for scan in scans}
        deep = {scan: own[0] for scan, own in parts.items() if len(own) > 1}
        people = wanted == "auto" and any(map(STUDY_IDS.search, deep.values()))
        return {} if people else deep


def find_masks(root: Path, where: str | None, files: list[Path]) -> list[Path]:
    """Return brain masks: those in a folder, from here or below the root, or with an ending."""
    if where is None:
        return []
    folder = next((p for p in (root / where, Path(where).expanduser()) if p.is_dir()), None)
    if folder is None and (where[:1] not in "-_." or "/" in where):
        raise NotFoundError(
            f"the folder of masks {where} was not found below {root} or here.",
            "Check --data.masks; a suffix begins with '_' or '-'.",
        )
    found = files_below(folder)[0] if folder else [p for p in files if stem(p).endswith(where)]
    return [path for path in found if path.name.lower().endswith((*VOLUMES, *PICTURES))]


def mask_of(scan: Path, names: Iterable[str], masks: list[Path], suffix: str) -> Path | None:
    """Return the only mask that begins with one of the names, the nearest and shortest first."""
    for name in names:
        found = [mask for mask in masks if re.match(rf"{re.escape(name)}(?:[-_. ]|$)", stem(mask))]
        found = [mask for mask in found if mask.parent == scan.parent] or found
        found = [mask for mask in found if stem(mask).removesuffix(suffix) == name] or found
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _picture(path: Path, root: Path) -> tuple[str, str]:
    """Return the person that a picture's name gives, and what it is."""
    place = path.relative_to(root).as_posix()
    read = read_part(stem(path))
    study = STUDY_IDS.search(stem(path)) or STUDY_IDS.search(place)
    parts = [read, *(read_part(part) for part in place.split("/")[:-1])]
    kind = next((part.kind for part in parts if part.kind in ("label", "mask")), "scan")
    return study[0] if study else read.person or stem(path), kind


def _check_numbers(ids: Mapping[Path, str]) -> None:
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


def _no_scans(root: Path, files: list[Path], links: int) -> DataError:
    """Say what a folder holds instead of scans."""
    for endings, (name, hint) in OTHER_FORMATS.items():
        count = sum(path.name.lower().endswith(endings) for path in files)
        if not count and name == "DICOM":  # often without an ending
            bare = [path for path in files[:20] if not path.suffix or path.suffix[1:].isdigit()]
            count = len(files) if any(map(_is_dicom, bare)) else 0
        if count:
            return DataError(f"no NIfTI scans below {root}: found {count} files of {name}.", hint)
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
