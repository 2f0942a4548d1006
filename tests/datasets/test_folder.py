"""Any folder of scans: who is in it, which class, which mask; and what is left out."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scan_folders import found, make

from brainzoo.common.errors import DataError, NotFoundError, OptionError
from brainzoo.datasets.config import FolderConfig
from brainzoo.datasets.folder import Folder
from brainzoo.plugin.options import make_config
from brainzoo.preparation.prepare import PrepareConfig, prepare


def scans(root: Path, **options: object) -> list[tuple[str, str, str]]:
    """Return (path below the root, subject, scan) of what is found."""
    subjects = found(Folder(make_config(FolderConfig, {"root": root, **options})))
    places = [Path(str(s.source)).relative_to(root).as_posix() for s in subjects]
    return [(place, s.id, s.scan) for place, s in zip(places, subjects, strict=True)]


@pytest.mark.parametrize(
    ("names", "subjects"),
    [
        (["a.nii.gz", "b.nii"], ["a", "b"]),
        (["sub-01/anat/sub-01_T1w.nii.gz", "sub-02/x.nii"], ["sub-01", "sub-02"]),
        (["IXI012-HH-1211-T1.nii.gz", "deep/er/IXI013-HH-1212-T1.nii.gz"], ["IXI012", "IXI013"]),
        (["P1_T1.nii.gz", "P1_T2.nii.gz", "P2_ses-1_T1w.nii.gz"], ["P1", "P2"]),
        (["T1.nii.gz", "T2.nii.gz"], ["person"]),
        (["OAS1_0001_MR1.nii.gz"], ["OAS1_0001"]),
    ],
)
def test_subjects_by_file_name(tmp_path: Path, names: list[str], subjects: list[str]) -> None:
    make(tmp_path, *names)
    assert sorted(subject for _, subject, _ in scans(tmp_path)) == subjects


def test_several_scans_of_one_subject_are_told_apart(tmp_path: Path) -> None:
    make(tmp_path, "sub-1/a/t.nii.gz", "sub-1/b/t.nii.gz", "sub-1/u.nii.gz", "sub-2/t.nii.gz")
    assert scans(tmp_path) == [
        ("sub-1/a/t.nii.gz", "sub-1", "t"),
        ("sub-1/b/t.nii.gz", "sub-1", "sub-1/b/t.nii.gz"),
        ("sub-1/u.nii.gz", "sub-1", "u"),
        ("sub-2/t.nii.gz", "sub-2", ""),
    ]


def test_a_pattern_of_ones_own(tmp_path: Path) -> None:
    make(tmp_path, "clinic7/scan_1.nii.gz", "clinic7/scan_2.nii.gz", "clinic8/scan_1.nii.gz")
    own = scans(tmp_path, subject_pattern="^(clinic[0-9]+)/")
    assert [subject for _, subject, _ in own] == ["clinic7", "clinic7", "clinic8"]
    with pytest.raises(DataError, match=r"finds no subject in 'clinic7/scan_1\.nii\.gz'"):
        scans(tmp_path, subject_pattern="(P[0-9]+)")
    for bad, message in (("(", "regular expression"), ("P[0-9]+", "no group")):
        with pytest.raises(OptionError, match=message):
            scans(tmp_path, subject_pattern=bad)


def test_hidden_files_masks_and_other_things_are_no_scans(tmp_path: Path) -> None:
    make(
        tmp_path,
        "a.nii.gz", "._a.nii.gz", ".hidden/b.nii.gz", "__MACOSX/c.nii.gz", "a_mask.nii.gz",
        "a-seg.nii.gz", "a_brain_mask.nii.gz", "IXI012-HH-1211-DLMUSE.nii.gz", "masks/a.nii.gz",
        "labels/a.nii.gz", "readme.txt", "preview.png", "a_dseg.nii.gz", "a_label-GM_probseg.nii",
    )  # fmt: skip
    assert scans(tmp_path) == [("a.nii.gz", "a", "")]
    make(tmp_path, "segment7.nii.gz", "unmasked.nii.gz")  # words that only begin alike
    assert len(scans(tmp_path)) == 3


def test_one_modality_of_several(tmp_path: Path) -> None:
    make(tmp_path, "P1_T1.nii.gz", "P1_T2.nii.gz")
    assert scans(tmp_path, pattern="*_T2*") == [("P1_T2.nii.gz", "P1", "")]
    with pytest.raises(DataError, match=r"none of the 2 scans .* fits the pattern '\*PD\*'"):
        scans(tmp_path, pattern="*PD*")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_do_not_lead_outside_or_in_circles(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    make(outside, "secret.nii.gz", "more/secret2.nii.gz")
    make(root, ".annex/object.nii.gz")
    (root / "kept.nii.gz").symlink_to(".annex/object.nii.gz")
    (root / "leaves.nii.gz").symlink_to(outside / "secret.nii.gz")
    (root / "folder").symlink_to(outside / "more")
    (root / "circle").symlink_to(root)
    os.mkfifo(root / "waits.nii.gz")
    assert scans(root) == [("kept.nii.gz", "kept", "")]
    assert [place for place, _, _ in scans(root, follow_links=True)] == [
        "folder/secret2.nii.gz",
        "kept.nii.gz",
        "leaves.nii.gz",
    ]
    (root / "kept.nii.gz").unlink()
    with pytest.raises(DataError, match=r"3 links that lead outside .* --data\.follow-links"):
        scans(root)


def test_class_folders_of_pictures(tmp_path: Path) -> None:
    make(
        tmp_path,
        "old/P1_slice_1.png", "old/P1_slice_2.png", "young/P2_z12.jpg", "young/Ada.tif",
        "young/more/Bea.npy",
    )  # fmt: skip
    subjects = found(Folder(FolderConfig(root=tmp_path)))
    assert [(s.id, s.class_name) for s in subjects] == [
        ("P1", "old"),
        ("P1", "old"),
        ("Ada", "young"),
        ("P2", "young"),
        ("Bea", "young"),
    ]
    no = found(Folder(FolderConfig(root=tmp_path, class_folders="no")))
    assert {s.class_name for s in no} == {None}


@pytest.mark.parametrize(
    "names",
    [
        ("case1g_000.png", "case1g_001.png"),
        ("26 (19).jpg", "26 (20).jpg"),
        ("very/mildDem7.jpg", "very/mildDem8.jpg"),
        ("one/007.png", "two/008.png"),
        ("slice_1.png", "slice_2.png"),
        ("case_1_T1.png", "case_2_T1.png"),
    ],
)
def test_slices_told_apart_by_a_bare_number_are_refused(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    make(tmp_path, *names)
    with pytest.raises(DataError, match=r"end in bare numbers.*--data\.subject-pattern"):
        scans(tmp_path)
    people = [subject for _, subject, _ in scans(tmp_path, subject_pattern="(.+)")]
    assert len(set(people)) == 2


def test_pictures_whose_names_say_who_they_show(tmp_path: Path) -> None:
    names = ("sub-01_slice-3.png", "sub-02.png", "IXI012-HH-1211-T1_5.png", "IXI013-HH-1.png")
    make(tmp_path, *names, "OAS_0001_slice_10.png", "OAS_0002_z10.png", "Ada_1.png")
    people = ["Ada_1", "IXI012", "IXI013", "OAS_0001", "OAS_0002", "sub-01", "sub-02"]
    assert sorted(subject for _, subject, _ in scans(tmp_path)) == people


def test_slices_of_one_person_are_in_one_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))
    grey = np.arange(400, dtype=np.uint8).reshape(20, 20)
    for case in range(12):
        for number in range(3):
            Image.fromarray(grey).save(tmp_path / f"case{case}g_{number:03d}.png")
    config = FolderConfig(root=tmp_path, subject_pattern="^(.+)_[0-9]+")
    images = prepare(Folder(config), PrepareConfig(size=16), name="folder", quiet=True)
    assert len(images) == 36
    split_of = {(row["subject"], row["split"]) for row in images.table}
    assert len(split_of) == len(images.subjects()) == 12


def test_folders_of_subjects_are_no_classes(tmp_path: Path) -> None:
    make(tmp_path, "sub-01/1.png", "sub-02/1.png")
    assert {s.class_name for s in found(Folder(FolderConfig(root=tmp_path)))} == {None}
    make(tmp_path, "AD/a.nii.gz", "HC/b.nii.gz")
    assert {s.class_name for s in found(Folder(FolderConfig(root=tmp_path)))} == {None}
    yes = found(Folder(FolderConfig(root=tmp_path, class_folders="yes")))
    assert [s.class_name for s in yes] == ["AD", "HC"]


@pytest.mark.parametrize("name", ["participants.csv", "participants.tsv", "other/people.csv"])
def test_a_table_joins(tmp_path: Path, name: str) -> None:
    make(tmp_path, "P1_T1.nii.gz", "P2_T1.nii.gz")
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    text = "participant_id,age,class\nsub-P1,30,patient\n"
    path.write_text(text.replace(",", "\t") if name.endswith("tsv") else text)
    given = None if path.parent == tmp_path else Path(name)
    subjects = found(Folder(FolderConfig(root=tmp_path, table=given)))
    assert [(s.covariates, s.class_name) for s in subjects] == [
        ({"age": 30.0}, "patient"),
        ({}, None),
    ]


def test_a_table_that_fits_nobody_is_an_error(tmp_path: Path) -> None:
    make(tmp_path, "P1_T1.nii.gz")
    (tmp_path / "participants.csv").write_text("participant_id,age\nQ7,30\n")
    with pytest.raises(DataError, match="fits none of the scans: it lists 'Q7', the scans 'P1'"):
        scans(tmp_path)
    with pytest.raises(NotFoundError, match="no table"):
        scans(tmp_path, table=Path("gone.csv"))


def test_masks_beside_the_scans_or_in_a_folder(tmp_path: Path) -> None:
    make(tmp_path, "P1_T1.nii.gz", "P1_T1_bet.nii.gz", "P2_T1.nii.gz")
    subjects = found(Folder(FolderConfig(root=tmp_path, masks="_bet")))
    assert [(s.id, s.mask and s.mask.name) for s in subjects] == [
        ("P1", "P1_T1_bet.nii.gz"),
        ("P2", None),
    ]
    (tmp_path / "P1_T1_bet.nii.gz").unlink()
    make(tmp_path, "brains/P1_T1.nii.gz", "brains/P2-DLMUSE.nii.gz", "brains/P22_T1.nii.gz")
    subjects = found(Folder(FolderConfig(root=tmp_path, masks="brains")))
    assert [(s.id, s.mask and s.mask.name) for s in subjects] == [
        ("P1", "P1_T1.nii.gz"),
        ("P2", "P2-DLMUSE.nii.gz"),
    ]


def test_masks_that_fit_nothing_or_are_not_there(tmp_path: Path) -> None:
    make(tmp_path, "P1_T1.nii.gz", "brains/Q1_T1.nii.gz")
    with pytest.raises(DataError, match="none of the 1 masks there fits a scan"):
        scans(tmp_path, masks="brains")
    with pytest.raises(DataError, match="none of the 0 masks"):
        scans(tmp_path, masks="_bet")
    with pytest.raises(NotFoundError, match="was not found below"):
        scans(tmp_path, masks="gone")


def test_what_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"needs a folder\. Give it with --data\.root"):
        found(Folder(FolderConfig()))
    with pytest.raises(NotFoundError, match="no folder"):
        scans(tmp_path / "nowhere")
    make(tmp_path, "notes.txt")
    with pytest.raises(DataError, match="is a file"):
        scans(tmp_path / "notes.txt")
    with pytest.raises(DataError, match=r"no scans below .*: found 1 files"):
        scans(tmp_path)


def test_it_says_what_it_was_told_and_pickles() -> None:
    config = FolderConfig(root=Path("/nowhere"), license="CC0", citation="Us", channels=("FLAIR",))
    dataset = pickle.loads(pickle.dumps(Folder(config)))
    assert (dataset.license, dataset.citation, dataset.channels) == ("CC0", "Us", ("FLAIR",))
    assert Folder(FolderConfig()).license == "unknown"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text("aP1_-. 0T", min_size=1, max_size=12).filter(lambda name: name.strip(". ")),
        min_size=1,
        max_size=5,
        unique=True,
    )
)
def test_every_name_gives_a_subject_and_scans_stay_apart(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    root = tmp_path_factory.mktemp("names")
    visible = [f"{name}.nii" for name in names if not name.startswith(".")]
    make(root, "always.nii", *visible)
    try:
        listed = scans(root)
    except DataError as error:
        assert "who is who" in str(error) or "one person" in str(error)  # noqa: PT017
        return
    assert len(listed) == len(visible) + 1
    assert all(subject for _, subject, _ in listed)
    assert len({(subject, scan) for _, subject, scan in listed}) == len(listed)
