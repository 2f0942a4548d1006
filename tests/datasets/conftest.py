"""A small IXI: its table, its scans, and what is to be found in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from scan_folders import found

from brainzoo.datasets.ixi import Ixi

HEADER = [
    "IXI_ID",
    "SEX_ID (1=m, 2=f)",
    "HEIGHT",
    "WEIGHT",
    "ETHNIC_ID",
    "DOB",
    "STUDY_DATE",
    "AGE",
]
ROWS: list[list[str | float | None]] = [
    [2.0, 2.0, 164.0, 58.0, 1.0, 21606.0, 38691.0, 35.8001],
    [12.0, 1.0, 175.0, 70.0, 1.0, "1966-08-20", 38696.0, 38.78],
    [12.0, 1.0, 175.0, 70.0, 1.0, "1966-08-20", 38720.0, None],
    [13.0, 1.0, 182.0, 70.0, 1.0, "1958-09-15", 38687.0, None],
    [25.0, 2.0, None, None, None, None, None, 40.0],
    [25.0, 2.0, None, None, None, None, None, 61.0],
]
SCANS = [f"IXI{n}-{site}-T1.nii.gz" for n, site in [
    ("002", "Guys-0828"), ("012", "HH-1211"), ("013", "HH-1212"), ("025", "IOP-0852"),
    ("099", "HH-1300"),
]]  # fmt: skip

EXPECTED = {
    "IXI002": (35.8, "F", "Guys"),
    "IXI012": (38.78, "M", "HH"),
    "IXI013": (None, "M", "HH"),
    "IXI025": (None, "F", "IOP"),  # its two rows are 21 years apart
    "IXI099": (None, None, "HH"),
}


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "home"


def people(dataset: Ixi) -> dict[str, tuple[object, object, object]]:
    return {
        s.id: (s.covariates["age"], s.covariates["sex"], s.covariates["site"])
        for s in found(dataset)
    }
