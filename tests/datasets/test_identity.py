# ruff: noqa: E501
"""Who is who: all files of one person are one person's, or nobody begins."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scan_folders import found, make

from brainzoo.common.errors import DataError
from brainzoo.data.subjects import Subject
from brainzoo.datasets.config import FolderConfig
from brainzoo.datasets.folder import Folder

PEOPLE = range(6)


def scans(root: Path, **options: object) -> list[Subject]:
    return found(Folder(FolderConfig(root=root, **options)))  # type: ignore[arg-type]


def owners(root: Path, subjects: list[Subject]) -> dict[str, str]:
    """Return the person by file, of scans and label maps."""
    return {
        path.relative_to(root).as_posix(): subject.id
        for subject in subjects
        for path in (*subject.images.values(), subject.labels)
        if isinstance(path, Path)
    }


@pytest.mark.parametrize(
    ("names", "visits", "channels", "labelled"),
    [
        # challenges
        (("BraTS2021_{i:05}/BraTS2021_{i:05}_t1.nii.gz", "BraTS2021_{i:05}/BraTS2021_{i:05}_t1ce.nii.gz",
          "BraTS2021_{i:05}/BraTS2021_{i:05}_flair.nii.gz", "BraTS2021_{i:05}/BraTS2021_{i:05}_seg.nii.gz"),
         1, "T1w T1ce FLAIR", True),
        (("HGG/Brats18_CBICA_A{i}_1/Brats18_CBICA_A{i}_1_t1.nii", "HGG/Brats18_CBICA_A{i}_1/Brats18_CBICA_A{i}_1_seg.nii"),
         1, "T1w", True),
        (("BraTS-PED-{i:05}-000/BraTS-PED-{i:05}-000-t1n.nii.gz", "BraTS-PED-{i:05}-000/BraTS-PED-{i:05}-000-t2w.nii.gz",
          "BraTS-PED-{i:05}-001/BraTS-PED-{i:05}-001-t1n.nii.gz", "BraTS-PED-{i:05}-001/BraTS-PED-{i:05}-001-t2w.nii.gz"),
         2, "T1w T2w", False),
        (("imagesTr/H_{i:03}_0000.nii.gz", "imagesTr/H_{i:03}_0001.nii.gz", "labelsTr/H_{i:03}.nii.gz"),
         1, "0000 0001", True),
        (("images/case{i}_img.nii.gz", "labels/case{i}_gt.nii.gz"), 1, "T1w", True),
        (("{i}/pre/T1.nii.gz", "{i}/pre/FLAIR.nii.gz", "{i}/wmh.nii.gz"), 1, "T1w FLAIR", True),
        # studies
        (("OAS1_{i:04}_MR1_mpr-1_anon.nii", "OAS1_{i:04}_MR1_mpr-2_anon.nii", "OAS1_{i:04}_MR2_mpr-1_anon.nii"),
         3, "T1w", False),
        (("OASIS_OAS1_{i:04}_MR1/aligned_norm.nii.gz", "OASIS_OAS1_{i:04}_MR1/norm.nii.gz",
          "OASIS_OAS1_{i:04}_MR1/seg4.nii.gz", "OASIS_OAS1_{i:04}_MR1/seg35.nii.gz"), 1, "T1w", True),
        (("ADNI_00{i}_S_029{i}_MR_MPRAGE_20060418193713091_S13.nii", "ADNI_00{i}_S_029{i}_MR_MPRAGE_20070418193713091_S17.nii"),
         2, "T1w", False),
        (("IXI{i:03}-HH-12{i:02}_T1.nii.gz", "IXI{i:03}-HH-12{i:02}_T2.nii.gz"), 1, "T1w T2w", False),
        # programs
        (("s{i}/mri/T1.nii.gz", "s{i}/mri/orig.nii.gz", "s{i}/mri/aseg.nii.gz", "s{i}/mri/wm.nii.gz"), 1, "T1w", True),
        (("s{i}_tp1/mri/T1.nii.gz", "s{i}_tp2/mri/T1.nii.gz"), 2, "T1w", False),
        (("1003{i}/T1w/T1w_acpc_dc_restore.nii.gz", "1003{i}/T1w/T2w_acpc_dc_restore.nii.gz", "1003{i}/T1w/wmparc.nii.gz"),
         1, "T1w T2w", True),
        (("1003{i}/T1w/T1w_acpc.nii.gz",), 1, "T1w", False),
        # as hospitals have them
        (("patient{i}/t1.nii.gz", "patient{i}/t2.nii.gz", "patient{i}/lesion_mask.nii.gz"), 1, "T1w T2w", True),
        (("t1/Subj{i}_T1.nii.gz", "flair/Subj{i}_FL.nii.gz", "lesions/Subj{i}_FL_DLWMLS.nii.gz"), 1, "T1w FLAIR", True),
        (("P{i:03}_baseline.nii.gz", "P{i:03}_followup.nii.gz"), 2, "T1w", False),
        (("S{i:03}_V01.nii.gz", "S{i:03}_V02.nii.gz"), 2, "T1w", False),
        (("P{i:03}_T0.nii.gz", "P{i:03}_T1.nii.gz", "P{i:03}_T2.nii.gz"), 3, "T1w", False),
        (("T1_P{i}.nii.gz", "T2_P{i}.nii.gz", "PD_P{i}.nii.gz"), 1, "T1w T2w PDw", False),
        (("P{i:03}/Month_00/a.nii.gz", "P{i:03}/Month_12/b.nii.gz"), 2, "T1w", False),
        (("clinic{i}/scan_1.nii.gz", "clinic{i}/scan_2.nii.gz"), 2, "T1w", False),
        (("S{i}_20190304.nii.gz", "S{i}_2020-03-04.nii.gz"), 2, "T1w", False),
        (("raw/{i:03}.nii.gz", "processed/{i:03}.nii.gz"), 2, "T1w", False),
        (("vol{i}_scan.nii.gz", "vol{i}_rescan.nii.gz"), 2, "T1w", False),
        (("PDX{i}_run-1_T1w.nii.gz", "PDX{i}_run-2_T1w.nii.gz", "PDX{i}_FLAIR.nii.gz"), 2, "T1w FLAIR", False),
    ],
)  # fmt: skip
def test_all_files_of_a_person_are_one_persons(
    tmp_path: Path, names: tuple[str, ...], visits: int, channels: str, labelled: bool
) -> None:
    for i in PEOPLE:
        make(tmp_path, *(name.format(i=i) for name in names))
    subjects = scans(tmp_path)
    assert Counter(Counter(s.id for s in subjects).values()) == {visits: len(PEOPLE)}
    assert {" ".join(subject.images) for subject in subjects} == {channels}
    assert {subject.labels is not None for subject in subjects} == {labelled}
    of = owners(tmp_path, subjects)
    for i in PEOPLE:
        own = {of[name.format(i=i)] for name in names if name.format(i=i) in of}
        assert len(own) == 1
    assert not any("2019" in s.scan or "2020" in s.scan or "2006" in s.scan for s in subjects)


@pytest.mark.parametrize(
    "names",
    [
        ("case{i}_alpha.nii.gz", "case{i}_beta.nii.gz"),
        ("S{i:03}a.nii.gz", "S{i:03}b.nii.gz"),
        ("S{i:03}_1.nii.gz", "S{i:03}_2.nii.gz"),
        ("100{i}_20252_2_0.nii.gz", "100{i}_20252_3_0.nii.gz"),
        ("native/{i:03}.nii.gz", "warped/{i:03}.nii.gz"),
        ("Anna{i}x/a8{i}.nii.gz", "Anna{i}x/b9{i}.nii.gz"),
        ("S{i:02}.nii.gz", "S{i:02}_foo.nii.gz"),
        ("imagesTr/S{i:02}_x_0000.nii.gz", "imagesTr/S{i:02}_y_0000.nii.gz"),
    ],
)
def test_what_cannot_be_told_is_an_error_that_names_the_option(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    for i in PEOPLE:
        make(tmp_path, *(name.format(i=i) for name in names))
    with pytest.raises(DataError, match=r"--data\.subject-pattern"):
        scans(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ("AD_{i:03}.nii.gz", "HC_{i:03}.nii.gz"),
        ("PD_{i:03}.nii.gz", "HC_{i:03}.nii.gz"),
        ("site1_{i:03}.nii.gz", "site2_{i:03}.nii.gz"),
        ("AD/AD{i:03}.nii.gz", "HC/HC{i:03}.nii.gz"),
        ("scan_0{i}.nii.gz", "scan_1{i}.nii.gz"),
        ("BraTS20_Training_00{i}/BraTS20_Training_00{i}_t1.nii", "BraTS20_Validation_00{i}/BraTS20_Validation_00{i}_t1.nii"),
    ],
)  # fmt: skip
def test_different_people_stay_different(tmp_path: Path, names: tuple[str, ...]) -> None:
    for i in PEOPLE:
        make(tmp_path, *(name.format(i=i) for name in names))
    assert len({subject.id for subject in scans(tmp_path)}) == 2 * len(PEOPLE)


def test_a_pattern_or_a_table_decides(tmp_path: Path) -> None:
    for i in PEOPLE:
        make(tmp_path, f"native/{i:03}.nii.gz", f"warped/{i:03}.nii.gz")
    pattern = r"(?P<channel>native|warped)/(?P<subject>\d+)"
    subjects = scans(tmp_path, subject_pattern=pattern)
    assert (subjects[0].id, list(subjects[0].images)) == ("000", ["native", "warped"])
    ages = "".join(f"{i:03},{20 + i}\n" for i in PEOPLE)
    (tmp_path / "participants.csv").write_text(f"participant_id,age\n{ages}")
    subjects = scans(tmp_path)
    assert len({s.id for s in subjects}) == len(PEOPLE)
    assert {s.covariates["age"] for s in subjects if s.id == "003"} == {23.0}


def test_channels_are_chosen_by_any_name(tmp_path: Path) -> None:
    make(tmp_path, "P1/t1.nii.gz", "P1/flair.nii.gz", "P1/bold.nii.gz", "P2/t1.nii.gz")
    dataset = Folder(FolderConfig(root=tmp_path, channels=("FLAIR", "T1")))
    assert [list(s.images) for s in found(dataset)] == [["FLAIR", "T1w"], ["T1w"]]
    assert "bold" in dataset.understood["left out"]
    with pytest.raises(DataError, match=r"no T2w scans .* FLAIR \(1\), T1w \(2\)"):
        scans(tmp_path, channels=("t2",))


def test_of_several_kinds_of_label_maps_one_is_chosen(tmp_path: Path) -> None:
    make(tmp_path, "s1/mri/T1.mgz", "s1/mri/aseg.mgz", "s1/mri/wmparc.mgz", "s1/mri/brainmask.mgz")
    (subject,) = scans(tmp_path)
    assert (subject.labels, subject.mask) == (
        tmp_path / "s1/mri/aseg.mgz",
        tmp_path / "s1/mri/brainmask.mgz",
    )
    (subject,) = scans(tmp_path, labels="wmparc")
    assert subject.labels == tmp_path / "s1/mri/wmparc.mgz"


@pytest.mark.parametrize(
    ("name", "word"),
    [("a/1.dcm", "dcm2niix"), ("a/b.img", "mri_convert"), ("a/b.nrrd", "SimpleITK")],
)
def test_other_formats_get_a_hint(tmp_path: Path, name: str, word: str) -> None:
    make(tmp_path, name)
    with pytest.raises(DataError, match=word):
        scans(tmp_path)


PERSON = st.sampled_from(
    ["P{:03}", "sub-{:02}", "{:04}", "case{}", "AB-{:02}", "OAS2_{:04}", "X{}y", "pat_{}"]
)
VISIT = st.sampled_from(
    ["baseline", "followup", "ses-1", "ses-02", "visit3", "MR2", "tp1", "V01", "month12", "m06", "wave2",
     "scan2", "20200101", "retest", "session_4", "12m", "timepointB", "post"]
)  # fmt: skip
RUN = st.sampled_from(["", "run-1", "run-2", "mpr-1", "acq-fast", "rep2", "echo1", "brain", "bet"])
CONTRAST = st.sampled_from(
    ["", "T1", "T1w", "t1ce", "T2", "flair", "FLAIR", "PD", "t2f", "mprage", "seg", "mask"]
)
ORDER = st.permutations(["person", "visit", "run", "contrast"])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    person=PERSON,
    separator=st.sampled_from("_-"),
    kinds=st.lists(st.tuples(VISIT | st.just(""), RUN, CONTRAST), min_size=1, max_size=4, unique=True),
    order=ORDER,
    folder=st.sampled_from(["", "{person}", "{visit}", "{contrast}", "{person}/{visit}", "data", "anat"]),
)  # fmt: skip
def test_no_two_files_of_one_person_are_two_people(
    tmp_path_factory: pytest.TempPathFactory,
    person: str,
    separator: str,
    kinds: list[tuple[str, str, str]],
    order: list[str],
    folder: str,
) -> None:
    root = tmp_path_factory.mktemp("layout")
    who: dict[str, int] = {}
    for i in range(1, 5):
        for visit, run, contrast in kinds:
            parts = {"person": person.format(i), "visit": visit, "run": run, "contrast": contrast}
            name = separator.join(parts[part] for part in order if parts[part])
            place = f"{folder.format(**parts)}/{name}.nii.gz".lstrip("/").replace("//", "/")
            who[place] = i
    make(root, *who)
    try:
        subjects = scans(root)
    except DataError as error:
        assert "subject-pattern" in str(error) or "no scans" in str(error)  # noqa: PT017
        return
    ids: dict[int, set[str]] = {}
    for place, id_ in owners(root, subjects).items():
        ids.setdefault(who[place], set()).add(id_)
    assert all(len(found) == 1 for found in ids.values()), (ids, who)
