"""Known data sets: tables, label names, several volumes in a file; and what was understood."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from scan_folders import found, make

from brainzoo.common.errors import DataError
from brainzoo.data.volumes import Volume
from brainzoo.datasets import known
from brainzoo.datasets.config import FolderConfig, IxiConfig, KnownConfig
from brainzoo.datasets.folder import Folder
from brainzoo.datasets.ixi import Ixi
from brainzoo.datasets.layouts import RECOGNISED
from brainzoo.preparation.describe import understood


def test_ixi_with_several_contrasts(tmp_path: Path) -> None:
    for i in (12, 13):
        make(tmp_path, f"IXI0{i}-HH-12{i}-T1.nii.gz", f"IXI0{i}-HH-12{i}_T2.nii.gz")
    make(tmp_path, "IXI012-HH-1212-PD.nii.gz")
    dataset = Ixi(IxiConfig(root=tmp_path, channels=("T1", "T2", "PD")))
    assert [list(s.images) for s in found(dataset)] == [["T1w", "T2w", "PDw"], ["T1w", "T2w"]]
    assert dict(understood(dataset, found(dataset), "ixi"))["channels"] == "T1w, T2w, PDw (1)"


def test_the_classes_of_adhd200_and_abide(tmp_path: Path) -> None:
    make(tmp_path, "a/Peking_1/1038415/session_1/anat_1/mprage.nii.gz")
    make(tmp_path, "a/Peking_1/0010042/session_1/anat_1/mprage.nii.gz")
    (tmp_path / "a/Peking_1_phenotypic.csv").write_text(
        "ScanDir ID,Site,Gender,Age,Handedness,DX,Verbal IQ\n"
        "1038415,1,1,14.92,1,3,109\n10042,5,0,9.5,1,0,-999\n"
    )
    subjects = found(known.adhd200(KnownConfig(root=tmp_path / "a")))
    assert [(s.id, s.class_name, s.covariates["sex"], s.covariates["age"]) for s in subjects] == [
        ("0010042", "control", "F", 9.5),
        ("1038415", "ADHD inattentive", "M", 14.92),
    ]
    make(tmp_path, "b/Caltech_0051456/session_1/anat_1/mprage.nii.gz")
    (tmp_path / "b/Phenotypic_V1_0b.csv").write_text(
        "SITE_ID,SUB_ID,DX_GROUP,AGE_AT_SCAN,SEX\nCALTECH,51456,1,55.4,1\n"
    )
    (subject,) = found(known.abide(KnownConfig(root=tmp_path / "b")))
    assert (subject.id, subject.class_name, subject.covariates) == (
        "0051456",
        "autism",
        {"site": "CALTECH", "age": 55.4, "sex": "M"},
    )
    assert "adhd200" not in RECOGNISED  # their codes are true of no other folder
    assert "abide" not in RECOGNISED


def test_oasis_has_an_age_at_each_visit(tmp_path: Path) -> None:
    make(tmp_path, "OAS2_0001_MR1.nii.gz", "OAS2_0001_MR2.nii.gz", "OAS2_0002_MR1.nii.gz")
    (tmp_path / "oasis_longitudinal.csv").write_text(
        "Subject ID,MRI ID,Group,Visit,M/F,Age,CDR\nOAS2_0001,OAS2_0001_MR1,Nondemented,1,M,87,0\n"
        "OAS2_0001,OAS2_0001_MR2,Nondemented,2,M,89,0\nOAS2_0002,OAS2_0002_MR1,Demented,1,F,75,1\n"
    )
    subjects = found(known.oasis(KnownConfig(root=tmp_path)))
    assert [(s.id, s.scan, s.covariates["age"], s.covariates["sex"]) for s in subjects] == [
        ("OAS2_0001", "MR1", 87.0, "M"),
        ("OAS2_0001", "MR2", 89.0, "M"),
        ("OAS2_0002", "", 75.0, "F"),
    ]


def test_the_decathlon_holds_all_channels_in_one_file(tmp_path: Path) -> None:
    (tmp_path / "imagesTr").mkdir()
    data = np.random.default_rng(0).integers(1, 99, (4, 5, 6, 2)).astype(np.int16)
    for i in (1, 2):
        nibabel.save(  # type: ignore[no-untyped-call]
            nibabel.Nifti1Image(data + i, np.eye(4)),  # type: ignore[no-untyped-call]
            tmp_path / f"imagesTr/BRATS_00{i}.nii.gz",
        )
    make(tmp_path, "labelsTr/BRATS_001.nii.gz", "labelsTr/BRATS_002.nii.gz")
    (tmp_path / "dataset.json").write_text(
        '{"modality": {"0": "FLAIR", "1": "t1gd"}, "labels": {"0": "background", "1": "edema"}}'
    )
    dataset = known.nnunet(KnownConfig(root=tmp_path, channels=("T1Gd",)))
    subjects = found(dataset)
    assert [list(subject.images) for subject in subjects] == [["T1ce"], ["T1ce"]]
    source = subjects[0].images["T1ce"]
    assert not isinstance(source, Path)
    made: Volume = source()
    np.testing.assert_array_equal(made.data, data[..., 1] + 1)
    assert subjects[0].key != subjects[1].key
    assert dataset.label_names == {1: "edema"}
    with pytest.raises(DataError, match=r"there are FLAIR.*T1ce|no T2w"):
        found(known.nnunet(KnownConfig(root=tmp_path, channels=("T2",))))


def test_brats_knows_its_labels_and_its_licence(tmp_path: Path) -> None:
    make(tmp_path, "BraTS2021_00001_t1.nii.gz", "BraTS2021_00001_seg.nii.gz", "readme.nii.gz")
    dataset = known.brats(KnownConfig(root=tmp_path))
    (subject,) = found(dataset)
    assert subject.labels == tmp_path / "BraTS2021_00001_seg.nii.gz"
    assert dataset.label_names[2] == "oedema"
    assert "1 file" in dataset.understood["left out"]
    with pytest.raises(DataError, match="--data folder"):
        found(known.hcp(KnownConfig(root=tmp_path)))


def test_what_was_understood_stands_in_one_table(tmp_path: Path) -> None:
    make(tmp_path, "P1_V1_T1.nii.gz", "P1_V2_T1.nii.gz", "P2_V1_T1.nii.gz", "P2_V1_FLAIR.nii.gz",
         "P2_V1_seg.nii.gz", "P2_rest.nii.gz")  # fmt: skip
    (tmp_path / "participants.tsv").write_text(
        "participant_id\tage\tsex\nP1\t18\tF\nP2\t90+\tM\nP3\t7\tM\n"
    )
    (tmp_path / "participants.json").write_text('{"age": {"Units": "months"}}')
    dataset = Folder(FolderConfig(root=tmp_path))
    table = dict(understood(dataset, found(dataset), "folder"))
    assert table["people"] == "2"
    assert table["scans"].startswith("3")
    assert table["channels"] == "T1w, FLAIR (1)"
    assert table["label maps"] == "1 of 3"
    assert table["age"] == "1.5 to 7.5 years (months in participants.tsv)"
    assert table["sex"] == "F 1, M 1"
    assert "rest" in table["left out"]
    assert table["in the table only"].startswith("1")
