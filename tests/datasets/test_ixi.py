"""IXI from local copies of every shape."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scan_folders import found, make, xls_bytes

from brainzoo.common.errors import BrainzooError, DataError, NotFoundError
from brainzoo.datasets.config import IxiConfig
from brainzoo.datasets.covariates import read_covariates
from brainzoo.datasets.ixi import Ixi
from brainzoo.datasets.layouts import LAYOUTS

from .conftest import EXPECTED, HEADER, ROWS, SCANS, people

REAL = Path(__file__).resolve().parents[3] / "shared/data/ixi-t1-2mm"


@pytest.mark.parametrize("folder", ["", "t1/", "IXI-T1/", "IXI/T1/"])
def test_a_local_copy_of_any_shape(tmp_path: Path, folder: str) -> None:
    make(tmp_path, *(folder + name for name in SCANS), f"{folder}IXI014-HH-1236-T2.nii.gz")
    make(tmp_path, f"{folder}._{SCANS[0]}", "notes.txt")
    (tmp_path / "IXI.xls").write_bytes(xls_bytes([HEADER, *ROWS]))
    assert people(Ixi(IxiConfig(root=tmp_path))) == EXPECTED


def test_masks_belong_to_the_modality_they_were_drawn_on(tmp_path: Path) -> None:
    make(tmp_path, *(f"t1/{name}" for name in SCANS))
    make(tmp_path, "seg/IXI012-HH-1211-DLMUSE.nii.gz", "t2/IXI012-HH-1211-T2.nii.gz")
    masks = {s.id: s.mask for s in found(Ixi(IxiConfig(root=tmp_path))) if s.mask}
    assert masks == {"IXI012": tmp_path / "seg/IXI012-HH-1211-DLMUSE.nii.gz"}
    t2 = Ixi(IxiConfig(root=tmp_path, channels=("T2",)))
    assert [s.mask for s in found(t2)] == [None]
    assert t2.channels == ("T2w",)


def test_of_dti_the_first_volume_is_taken(tmp_path: Path) -> None:
    make(tmp_path, *(f"IXI002-Guys-0828-DTI-{i:02}.nii.gz" for i in range(16)))
    (scan,) = found(Ixi(IxiConfig(root=tmp_path, channels=("DTI",))))
    assert scan.source == tmp_path / "IXI002-Guys-0828-DTI-00.nii.gz"


def test_two_visits_are_one_subject(tmp_path: Path) -> None:
    make(tmp_path, "IXI012-HH-1211-T1.nii.gz", "IXI012-Guys-0700-T1.nii.gz")
    scans = found(Ixi(IxiConfig(root=tmp_path)))
    assert [(s.id, s.scan) for s in scans] == [("IXI012", "Guys-0700"), ("IXI012", "HH-1211")]


def test_what_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no folder"):
        found(Ixi(IxiConfig(root=tmp_path / "nowhere")))
    with pytest.raises(DataError, match="found 0 volumes"):
        found(Ixi(IxiConfig(root=tmp_path)))
    make(tmp_path, "IXI012-HH-1211-T2.nii.gz")
    with pytest.raises(DataError, match=r"no T1w scans .* T2w \(1\)"):
        found(Ixi(IxiConfig(root=tmp_path)))
    make(tmp_path, "a/IXI012-HH-1211-T1.nii.gz", "b/IXI012-HH-1211-T1.nii.gz")
    with pytest.raises(DataError, match="twice"):
        found(Ixi(IxiConfig(root=tmp_path)))
    with pytest.raises(NotFoundError, match="no table"):
        found(Ixi(IxiConfig(root=tmp_path / "a", table=Path("gone.csv"))))
    (tmp_path / "a/IXI.csv").write_text("IXI_ID,SEX_ID (1=m),AGE\n77,1,30\n")
    with pytest.raises(DataError, match="fits none of the scans: it lists 'IXI077'"):
        found(Ixi(IxiConfig(root=tmp_path / "a")))


@pytest.mark.parametrize("kind", ["xls", "csv"])
def test_of_the_table_only_id_sex_and_age_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"IXI.{kind}"
    if kind == "xls":
        path.write_bytes(xls_bytes([HEADER, *ROWS]))
    else:
        lines: list[list[str | float | None]] = [[*HEADER], *ROWS]
        text = [",".join("" if cell is None else f'"{cell}"' for cell in line) for line in lines]
        path.write_text("\n".join(text))
    table = read_covariates(path, LAYOUTS["ixi"])
    assert len(table) == 4
    assert table.find("IXI002") == {"age": 35.8, "sex": "F"}
    held = repr(pickle.dumps(table))
    for private in ("1966", "21606", "DOB", "HEIGHT", "175"):
        assert private not in held


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("IXI.xls", b"", "cannot be read as .xls"),
        ("IXI.xls", b"<!DOCTYPE html>", "cannot be read as .xls"),
        ("IXI.xls", b"PK\x03\x04 a newer Excel file", "cannot be read as .xls"),
        ("IXI.csv", b"", "empty"),
        ("IXI.csv", b"IXI_ID,AGE\n", "no column"),
        ("IXI.csv", b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_bad_table_is_one_clear_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_covariates(tmp_path / name, LAYOUTS["ixi"])
    assert "\n" not in str(caught.value)


@settings(max_examples=60)
@given(st.binary(max_size=400), st.sampled_from(["xls", "csv", "tsv"]), st.booleans())
def test_no_table_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, kind: str, headed: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / f"random.{kind}"
    whole = xls_bytes([HEADER, *ROWS])
    head = whole[:-100] if kind == "xls" else b"IXI_ID,AGE,SEX\n"
    path.write_bytes((head if headed else b"") + content)
    try:
        read_covariates(path, LAYOUTS["ixi"])
    except BrainzooError as error:
        assert "\n" not in str(error)  # noqa: PT017


def test_ids_in_every_spelling(tmp_path: Path) -> None:
    for written in ("12", "012", "IXI012", "sub-IXI012", "IXI012-HH-1211-T1", "12.0"):
        (tmp_path / "IXI.csv").write_text(f"IXI_ID,SEX_ID (1=m),AGE\n{written},1,30\n")
        table = read_covariates(tmp_path / "IXI.csv", LAYOUTS["ixi"])
        assert (table.find("IXI012") or {}).get("age") == 30, written


def test_constructing_and_pickling_touch_no_disk() -> None:
    dataset = pickle.loads(pickle.dumps(Ixi(IxiConfig(root=Path("/nowhere"), channels=("MRA",)))))
    assert (dataset.license, dataset.channels) == ("CC BY-SA 3.0", ("angio",))


@pytest.mark.skipif(not REAL.is_dir(), reason="the real data are not here")
def test_the_real_scans() -> None:
    scans = found(Ixi(IxiConfig(root=REAL)))
    assert len({s.id for s in scans}) == len(scans) == 121
    ages = [s.covariates["age"] for s in scans]
    assert all(isinstance(age, float) and 20 <= age <= 82 for age in ages)
    assert Counter(s.covariates["sex"] for s in scans) == {"F": 63, "M": 58}
    assert all(s.mask and s.mask.is_file() for s in scans)
