"""Which series become which scans of whom."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner

from brainzoo.api import DataError, NotFoundError, OptionError, Subject
from brainzoo.cli import main
from brainzoo.testing import DatasetContract
from brainzoo_dicom.config import DicomConfig
from brainzoo_dicom.dataset import Dicom
from brainzoo_dicom.headers import read_slices

PEOPLE = 4


class TestContract(DatasetContract):
    name = "dicom"
    users_own_data: ClassVar = True

    @pytest.fixture(autouse=True)
    def _scanner(self, scanner: Any) -> None:
        self.scanner = scanner

    def options_in(self, folder: Path) -> dict[str, Any]:
        for i in range(PEOPLE):
            self.scanner.series(folder / f"Doe-{i}", "oblique", i, PatientID=f"MRN-{i}")
        return {"root": folder}


def read(root: Path, **options: Any) -> tuple[list[Subject], dict[str, str]]:
    """Return the subjects below a folder, and what was said of it."""
    dataset = Dicom(DicomConfig(root=root, **options))
    return list(dataset.subjects()), dataset.understood


def source(subject: Subject, channel: str = "T1w") -> Any:
    return subject.images[channel]


def test_series_that_lie_mixed_in_one_folder_are_told_apart(scanner: Any, tmp_path: Path) -> None:
    scanner.series(tmp_path, "sagittal", 0, SeriesNumber=3)
    scanner.series(
        tmp_path, "axial", 1, SeriesNumber=4, SeriesDescription="t2_FLAIR", ProtocolName="p"
    )
    scanner.series(tmp_path, SeriesNumber=5, SeriesDescription="localizer")
    scanner.series(tmp_path, SeriesNumber=6, ImageType=["DERIVED", "SECONDARY", "MPR"])
    scanner.series(tmp_path, SeriesNumber=7, ImageType=["ORIGINAL", "PRIMARY", "P", "ND"])
    scanner.series(tmp_path, SeriesNumber=8, SeriesDescription="ep2d_diff", ProtocolName="dwi")
    scanner.series(
        tmp_path, SeriesNumber=9, SeriesDescription="x", ProtocolName="y", RepetitionTime=None
    )
    (subject,), said = read(tmp_path)
    assert list(subject.images) == ["T1w", "FLAIR"]
    np.testing.assert_array_equal(source(subject)().data, scanner.head(0))
    np.testing.assert_array_equal(source(subject, "FLAIR")().data, scanner.head(1))
    for kind in ("1 localisers", "1 derived", "1 phase images", "diffusion"):
        assert kind in said["series left out"]
    assert "number 9" in said["contrast unknown"]


@pytest.mark.parametrize(
    ("words", "channel"),
    [
        ("t1_MPRAGEcr_noGRAPPA", "T1w"),
        ("Sag 3D T1 BRAVO", "T1w"),
        ("3DT1", "T1w"),
        ("AxT1 FLAIR", "T1w"),
        ("T1 mprage +C", "T1ce"),
        ("ax t1 post gad", "T1ce"),
        ("T1 w/o contrast", "T1w"),
        ("t1_se_tra_pre_KM", "T1w"),
        ("t2_tse_tra", "T2w"),
        ("AX T2 FLAIR", "FLAIR"),
        ("t2_spc_da-fl_sag_dark-fluid", "FLAIR"),
        ("pd_tse", "PDw"),
        ("T2* GRE", "T2starw"),
        ("SWI_Images", "SWI"),
        ("TOF_3D", "angio"),
    ],
)
def test_words_of_the_description_say_the_contrast(
    scanner: Any, tmp_path: Path, words: str, channel: str
) -> None:
    scanner.series(tmp_path, SeriesDescription=words, ProtocolName=words)
    (subject,), _ = read(tmp_path)
    assert list(subject.images) == [channel]


def test_the_series_is_believed_before_the_protocol(scanner: Any, tmp_path: Path) -> None:
    protocol = "T1 T2 FLAIR BRAIN W CONTRAST"
    scanner.series(tmp_path, SeriesDescription="Ax T2", ProtocolName=protocol, SeriesNumber=1)
    scanner.series(tmp_path, SeriesDescription="3D BRAVO", ProtocolName=protocol, SeriesNumber=2)
    (subject,), _ = read(tmp_path)
    assert list(subject.images) == ["T1w", "T2w"]


@pytest.mark.parametrize(
    ("sequence", "repetition", "echo", "inversion", "channel"),
    [
        (["GR", "IR"], 2300, 2.9, 900, "T1w"),
        (["SE"], 500, 12, None, "T1w"),
        (["SE"], 4000, 100, None, "T2w"),
        (["SE"], 3000, 20, None, "PDw"),
        (["SE", "IR"], 9000, 120, 2500, "FLAIR"),
        (["GR"], 700, 25, None, "T2starw"),
    ],
)
def test_parameters_say_the_contrast_where_words_do_not(
    scanner: Any,
    tmp_path: Path,
    sequence: Any,
    repetition: int,
    echo: float,
    inversion: Any,
    channel: str,
) -> None:
    scanner.series(
        tmp_path,
        SeriesDescription="brain",
        ProtocolName="brain",
        ScanningSequence=sequence,
        RepetitionTime=repetition,
        EchoTime=echo,
        InversionTime=inversion,
    )
    (subject,), _ = read(tmp_path)
    assert list(subject.images) == [channel]


def test_two_echoes_of_one_series_are_two_contrasts(scanner: Any, tmp_path: Path) -> None:
    both = {"SeriesInstanceUID": "1.2.9", "SeriesDescription": "pd+t2_tse", "ProtocolName": "x"}
    timing = {"ScanningSequence": "SE", "RepetitionTime": 3000, "InversionTime": None}
    scanner.series(tmp_path, "axial", 0, EchoTime=14, **both, **timing)
    scanner.series(tmp_path, "axial", 1, EchoTime=95, **both, **timing)
    (subject,), _ = read(tmp_path)
    assert set(subject.images) == {"PDw", "T2w"}
    np.testing.assert_array_equal(source(subject, "T2w")().data, scanner.head(1))


def test_the_user_says_which_series_is_which(scanner: Any, tmp_path: Path) -> None:
    scanner.series(tmp_path, "axial", 0, SeriesNumber=1, SeriesDescription="Kopf A")
    scanner.series(tmp_path, "axial", 1, SeriesNumber=2, SeriesDescription="Kopf B flair neu")
    scanner.series(tmp_path, "axial", 2, SeriesNumber=33, SeriesDescription="Kopf C")
    wanted = ("T1w=KOPF A", "FLAIR=*flair*", "mine=33")
    (subject,), _ = read(tmp_path, series=wanted)
    assert list(subject.images) == ["T1w", "FLAIR", "mine"]
    np.testing.assert_array_equal(source(subject, "mine")().data, scanner.head(2))
    with pytest.raises(DataError, match="T2w=tse"):
        read(tmp_path, series=("T2w=tse",))
    with pytest.raises(OptionError):
        DicomConfig(series=("MPRAGE",))


def test_the_finest_of_several_series_is_taken_or_all(scanner: Any, tmp_path: Path) -> None:
    scanner.series(tmp_path, "axial", 0, SeriesNumber=1)
    images = scanner.images("axial", 1, {"SeriesNumber": 2})[::2]
    for one in images:
        one.save_as(tmp_path / f"thick-{one.InstanceNumber}.dcm", enforce_file_format=True)
    (subject,), said = read(tmp_path)
    np.testing.assert_array_equal(source(subject)().data, scanner.head(0))
    assert said["repeated"].startswith("1 T1w")
    both, _ = read(tmp_path, repeats=True)
    assert [subject.scan for subject in both] == ["run-1", "run-2"]
    assert len({subject.id for subject in both}) == 1


def test_studies_of_one_patient_are_visits_in_the_order_of_dates(
    scanner: Any, tmp_path: Path
) -> None:
    for year, seed in ((2012, 1), (2009, 0)):
        scanner.series(
            tmp_path,
            seed=seed,
            StudyInstanceUID=f"1.2.{year}",
            StudyDate=f"{year}0723",
            PatientAge=None,
        )
    subjects, _ = read(tmp_path)
    assert [subject.scan for subject in subjects] == ["ses-1", "ses-2"]
    assert len({subject.id for subject in subjects}) == 1
    assert [subject.covariates["age"] for subject in subjects] == [58.5, 61.5]
    np.testing.assert_array_equal(source(subjects[0])().data, scanner.head(0))


@pytest.mark.parametrize(
    ("age", "born", "years"),
    [
        ("039Y", "19510203", 39.0),
        ("006M", "", 0.5),
        ("003W", "", 0.06),
        ("010D", "", 0.03),
        ("095Y", "", 90.0),
        ("", "19510203", 59.5),
        ("", "20100623", 0.08),
        ("", "00010101", None),
        ("", "unknown", None),
        ("39", "", None),
    ],
)
def test_ages_are_in_years(
    scanner: Any, tmp_path: Path, age: str, born: str, years: float | None
) -> None:
    with pydicom.config.disable_value_validation():
        scanner.series(tmp_path, PatientAge=age, PatientBirthDate=born)
    (subject,), _ = read(tmp_path)
    assert subject.covariates["age"] == years


def test_people_without_an_id_are_asked_for(scanner: Any, tmp_path: Path) -> None:
    scanner.series(tmp_path / "one", PatientID="", StudyInstanceUID="1.2.1")
    scanner.series(tmp_path / "two", PatientID="", StudyInstanceUID="1.2.2")
    with pytest.raises(DataError, match="2 of 2 series have no PatientID") as caught:
        read(tmp_path)
    assert "--data.person folder" in str(caught.value)
    for person in ("folder", "study"):
        subjects, _ = read(tmp_path, person=person)
        assert len({subject.id for subject in subjects}) == 2


def test_one_id_of_what_seem_several_people_is_said(scanner: Any, tmp_path: Path) -> None:
    scanner.series(tmp_path, StudyInstanceUID="1.2.1", PatientSex="F")
    scanner.series(tmp_path, StudyInstanceUID="1.2.2", PatientSex="M")
    subjects, said = read(tmp_path)
    assert len({subject.id for subject in subjects}) == 1
    assert any("several people" in label for label in said)


def test_pseudonyms_stay_and_only_this_machine_can_make_them(
    scanner: Any, tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner.series(tmp_path / "in")
    (first,), _ = read(tmp_path / "in")
    (again,), _ = read(tmp_path / "in")
    assert first.id == again.id
    assert "0042" not in first.id
    salt = own_home / "dicom" / "salt"
    assert stat.S_IMODE(salt.stat().st_mode) == 0o600
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "elsewhere"))
    (other,), _ = read(tmp_path / "in")
    assert other.id != first.id


def test_a_missing_slice_is_named(scanner: Any, tmp_path: Path) -> None:
    images = scanner.images()
    scanner_write([one for one in images if one.InstanceNumber not in (7, 8)], tmp_path)
    (subject,), said = read(tmp_path)
    assert "lacks 2 of 18" in said["series with a fault"]
    with pytest.raises(DataError, match=r"series 5 \(T1w\) lacks 2 of 18 slices.*6 and 9"):
        source(subject)()


def test_copies_are_read_once(scanner: Any, tmp_path: Path) -> None:
    images = scanner.images()
    scanner_write(images, tmp_path)
    scanner_write(images[:3], tmp_path / "again")
    images[5].SOPInstanceUID = "1.2.3.99"
    scanner_write(images[5:6], tmp_path / "renamed")
    (subject,), said = read(tmp_path)
    np.testing.assert_array_equal(source(subject)().data, scanner.head())
    assert said["files of copies"].startswith("4")


def test_other_pixels_at_one_place_are_refused(scanner: Any, tmp_path: Path) -> None:
    images = scanner.images()
    scanner_write(images, tmp_path)
    images[5].SOPInstanceUID = "1.2.3.99"
    images[5].PixelData = bytes(len(images[5].PixelData))
    scanner_write(images[5:6], tmp_path / "more")
    (subject,), _ = read(tmp_path)
    with pytest.raises(DataError, match="1 of 18 slices"):
        source(subject)()


@pytest.mark.parametrize("kind", ["series", "mosaic"])
def test_a_time_series_is_no_volume(scanner: Any, tmp_path: Path, kind: str) -> None:
    for seed in range(3):
        place = tmp_path / f"{seed}" if kind == "series" else tmp_path / f"{seed}.dcm"
        getattr(scanner, kind)(place, seed=seed, SeriesInstanceUID="1.2.9")
    (subject,), _ = read(tmp_path)
    with pytest.raises(DataError, match="holds 3 volumes of 18 slices"):
        source(subject)()


def test_truncated_files_are_named_by_their_number(scanner: Any, tmp_path: Path) -> None:
    paths = scanner.series(tmp_path)
    paths[3].write_bytes(paths[3].read_bytes()[:-300])
    (subject,), _ = read(tmp_path)
    with pytest.raises(DataError, match="image 4 is truncated") as caught:
        source(subject)()
    assert paths[3].name not in str(caught.value)


def test_a_file_cut_within_its_header_is_counted(scanner: Any, tmp_path: Path) -> None:
    paths = scanner.series(tmp_path)
    paths[3].write_bytes(paths[3].read_bytes()[:500])
    (subject,), said = read(tmp_path)
    assert said["files damaged"].startswith("1")
    with pytest.raises(DataError, match="lacks 1 of 18 slices"):
        source(subject)()


def test_a_series_that_was_given_another_patient_is_another_persons(
    scanner: Any, tmp_path: Path
) -> None:
    images = scanner.images()
    scanner_write(images, tmp_path / "one")
    for one in images:
        one.PatientID = "MRN-7"
    scanner_write(images, tmp_path / "two")
    subjects, said = read(tmp_path)
    assert len({subject.id for subject in subjects}) == 2
    assert "files of copies" not in said


def test_a_list_shows_the_owner_where_each_series_lies(scanner: Any, tmp_path: Path) -> None:
    scanner.series(tmp_path / "in" / "a")
    images = scanner.images(tags={"SeriesNumber": 6})
    scanner_write([*images[:4], *images[6:]], tmp_path / "in" / "b")
    (tmp_path / "in" / "c.dcm").write_bytes(next((tmp_path / "in/a").iterdir()).read_bytes()[:500])
    found = CliRunner().invoke(main, ["dicom", str(tmp_path / "in")])
    assert found.exit_code == 0
    _, whole, gap, damaged = found.output.splitlines()
    assert "T1w" in whole
    assert "lacks 2 of 18 slices" in gap
    assert Path(gap.split()[-1]).parts[0] == "b"
    assert damaged == "damaged: c.dcm"


def test_a_good_series_is_taken_before_a_bad_one(scanner: Any, tmp_path: Path) -> None:
    scanner_write(scanner.images(seed=1, tags={"SeriesNumber": 1})[:5], tmp_path / "short")
    images = scanner.images(seed=2, tags={"SeriesNumber": 2})
    scanner_write([*images[:6], *images[9:]], tmp_path / "gap")
    scanner.series(tmp_path / "good", seed=3, SeriesNumber=3)
    (subject,), _ = read(tmp_path)
    np.testing.assert_array_equal(source(subject)().data, scanner.head(3))


def test_where_there_is_nothing_it_is_said(tmp_path: Path, scanner: Any) -> None:
    (tmp_path / "notes.txt").write_text("no scan")
    with pytest.raises(DataError, match=r"no DICOM files.*looked at 1 files"):
        read(tmp_path)
    with pytest.raises(NotFoundError):
        read(tmp_path / "nowhere")
    scanner.series(tmp_path, Modality="CT")
    with pytest.raises(DataError, match="no MR images"):
        read(tmp_path)
    scanner.series(tmp_path / "more", SeriesDescription="localizer")
    with pytest.raises(DataError, match="1 localisers"):
        read(tmp_path)


def test_no_file_raises_anything_else(scanner: Any, tmp_path: Path) -> None:
    """Flipped bytes and cuts at any place give images, or the error that is caught."""
    (path, *_) = scanner.series(tmp_path / "in")
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        content = bytearray(whole[: rng.integers(len(whole))] if rng.random() < 0.3 else whole)
        for place in rng.integers(0, max(1, min(len(content), 1800)), 4):
            if place < len(content):
                content[place] = rng.integers(256)
        path.write_bytes(content)
        try:
            read_slices(path)
        except ValueError as error:
            assert str(error) in ("it is damaged", "it cannot be read")  # noqa: PT017


def scanner_write(images: list[Any], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for i, one in enumerate(images):
        one.save_as(folder / f"{i * 7919 % 1009:04d}.dcm", enforce_file_format=True)
