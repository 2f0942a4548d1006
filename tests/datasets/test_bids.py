"""BIDS datasets as they are found in the wild."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from scan_folders import found, make

from brainzoo.common.errors import DataError, OptionError
from brainzoo.datasets.bids import Bids
from brainzoo.datasets.config import BidsConfig

TREE = (
    "sub-01/anat/sub-01_T1w.nii.gz",
    "sub-01/anat/sub-01_T2w.nii.gz",
    "sub-01/func/sub-01_task-rest_bold.nii.gz",
    "sub-02/ses-a/anat/sub-02_ses-a_T1w.nii.gz",
    "sub-02/ses-b/anat/sub-02_ses-b_run-1_T1w.nii.gz",
    "sub-02/ses-b/anat/sub-02_ses-b_run-2_T1w.nii",
    "derivatives/fmriprep/sub-01/anat/sub-01_desc-preproc_T1w.nii.gz",
    "sub-01/anat/sub-09_T1w.nii.gz",
    "sub-01/anat/.sub-01_T1w.nii.gz",
    "sub-01/anat/sub-01_T1w.json",
    "sourcedata/sub-03/anat/sub-03_T1w.nii.gz",
)


def test_subjects_sessions_and_runs(tmp_path: Path) -> None:
    make(tmp_path, *TREE)
    (tmp_path / "participants.tsv").write_text(
        "participant_id\tage\tsex\nsub-01\t30\tF\nsub-02\tn/a\tmale\n"
    )
    subjects = found(Bids(BidsConfig(root=tmp_path)))
    assert [(s.id, s.scan) for s in subjects] == [
        ("sub-01", ""),
        ("sub-02", "ses-a"),
        ("sub-02", "ses-b_run-1"),
        ("sub-02", "ses-b_run-2"),
    ]
    assert subjects[0].covariates == {"age": 30.0, "sex": "F"}
    assert subjects[3].covariates == {"age": None, "sex": "M"}
    t2 = found(Bids(BidsConfig(root=tmp_path, channels=("T2w",))))
    assert [s.source for s in t2] == [tmp_path / TREE[1]]


def test_a_table_of_nothing_but_ids_is_fine(tmp_path: Path) -> None:
    make(tmp_path, *TREE)
    (tmp_path / "participants.tsv").write_text("participant_id\nsub-01\n")
    assert {str(s.covariates) for s in found(Bids(BidsConfig(root=tmp_path)))} == {"{}"}


def test_what_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="needs a folder"):
        found(Bids(BidsConfig()))
    with pytest.raises(DataError, match=r"expected sub-\*/.*use --data folder"):
        found(Bids(BidsConfig(root=tmp_path)))
    make(tmp_path, *TREE)
    with pytest.raises(DataError, match=r"no FLAIR scans .* there are T1w .*, T2w"):
        found(Bids(BidsConfig(root=tmp_path, channels=("FLAIR",))))
    with pytest.raises(OptionError, match="BIDS suffix"):
        found(Bids(BidsConfig(root=tmp_path, channels=("../T1w",))))
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-77\t30\n")
    with pytest.raises(DataError, match="fits none of the scans"):
        found(Bids(BidsConfig(root=tmp_path)))


def test_annexed_files_are_taken_and_unfetched_ones_are_not(tmp_path: Path) -> None:
    make(tmp_path, ".git/annex/objects/X/real.nii.gz")
    folder = tmp_path / "sub-01/anat"
    folder.mkdir(parents=True)
    annexed = "../../.git/annex/objects/X/real.nii.gz"
    (folder / "sub-01_T1w.nii.gz").symlink_to(annexed)
    (folder / "sub-01_run-2_T1w.nii.gz").symlink_to(annexed.replace("real", "unfetched"))
    (folder / "sub-01_run-3_T1w.nii.gz").write_text("/annex/objects/MD5E-s3--0.nii.gz\n")
    with pytest.raises(DataError, match=r"2 of 3 scans are not here .* datalad get"):
        found(Bids(BidsConfig(root=tmp_path)))
    part = Bids(BidsConfig(root=tmp_path, partial=True))
    assert [s.scan for s in found(part)] == [""]
    assert part.understood["not here"].startswith("2 of 3")
    (folder / "sub-01_T1w.nii.gz").unlink()
    with pytest.raises(DataError, match="2 of 2 scans are not here"):
        found(Bids(BidsConfig(root=tmp_path, partial=True)))


@pytest.mark.parametrize("acknowledge", ["", "Cite us."])
def test_the_description_gives_licence_and_citation(tmp_path: Path, acknowledge: str) -> None:
    scan = tmp_path / "sub-1" / "anat" / "sub-1_T1w.nii"
    scan.parent.mkdir(parents=True)
    scan.write_bytes(b"")
    described = {
        "Name": "Brains",
        "License": "CC0",
        "Authors": ["A. One", "B. Two"],
        "DatasetDOI": "doi:10.18112/openneuro.ds000001.v1.0.0",
        "HowToAcknowledge": acknowledge,
    }
    (tmp_path / "dataset_description.json").write_text(json.dumps(described))
    dataset = pickle.loads(pickle.dumps(Bids(BidsConfig(root=tmp_path))))
    assert [subject.id for subject in dataset.subjects()] == ["sub-1"]
    assert (dataset.title, dataset.license) == ("Brains", "CC0")
    assert dataset.citation == (acknowledge or "A. One, B. Two. Brains")
    assert dataset.url == "https://doi.org/10.18112/openneuro.ds000001.v1.0.0"


def test_a_broken_description_is_named(tmp_path: Path) -> None:
    (tmp_path / "dataset_description.json").write_text("{")
    with pytest.raises(DataError, match=r"dataset_description\.json cannot be read as JSON"):
        list(Bids(BidsConfig(root=tmp_path)).subjects())
