"""IXI from local copies of every shape, and downloaded from a server that misbehaves."""

from __future__ import annotations

import io
import pickle
import random
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hostile_server as hostile
import pytest
from hostile_server import HostileServer, hostile_server
from hypothesis import given, settings
from hypothesis import strategies as st
from scan_folders import found, make, volume_bytes, xls_bytes

from brainzoo.datasets import ixi_download
from brainzoo.datasets.config import IxiConfig
from brainzoo.datasets.ixi import Ixi
from brainzoo.datasets.ixi_table import read_ixi_table, subject_id
from brainzoo.errors import (
    BrainzooError,
    DataError,
    IntegrityError,
    NetworkError,
    NotFoundError,
    OptionError,
)
from brainzoo.transfer.download import Patience

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
REAL = Path(__file__).resolve().parents[3] / "shared/data/ixi-t1-2mm"


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


EXPECTED = {
    "IXI002": (35.8, "F", "Guys"),
    "IXI012": (38.78, "M", "HH"),
    "IXI013": (None, "M", "HH"),
    "IXI025": (None, "F", "IOP"),  # its two rows are 21 years apart
    "IXI099": (None, None, "HH"),
}


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
    t2 = Ixi(IxiConfig(root=tmp_path, modality="T2"))
    assert [s.mask for s in found(t2)] == [None]
    assert t2.modality == "T2w"


def test_of_dti_the_first_volume_is_taken(tmp_path: Path) -> None:
    make(tmp_path, *(f"IXI002-Guys-0828-DTI-{i:02}.nii.gz" for i in range(16)))
    (scan,) = found(Ixi(IxiConfig(root=tmp_path, modality="DTI")))
    assert scan.source == tmp_path / "IXI002-Guys-0828-DTI-00.nii.gz"


def test_two_visits_are_one_subject(tmp_path: Path) -> None:
    make(tmp_path, "IXI012-HH-1211-T1.nii.gz", "IXI012-Guys-0700-T1.nii.gz")
    scans = found(Ixi(IxiConfig(root=tmp_path)))
    assert [(s.id, s.scan) for s in scans] == [("IXI012", "Guys-0700"), ("IXI012", "HH-1211")]


def test_what_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no folder"):
        found(Ixi(IxiConfig(root=tmp_path / "nowhere")))
    with pytest.raises(DataError, match="found 0 other files"):
        found(Ixi(IxiConfig(root=tmp_path)))
    make(tmp_path, "IXI012-HH-1211-T2.nii.gz")
    with pytest.raises(DataError, match=r"no T1 scans .* found 1 T2"):
        found(Ixi(IxiConfig(root=tmp_path)))
    make(tmp_path, "a/IXI012-HH-1211-T1.nii.gz", "b/IXI012-HH-1211-T1.nii.gz")
    with pytest.raises(DataError, match="twice"):
        found(Ixi(IxiConfig(root=tmp_path)))
    with pytest.raises(NotFoundError, match="no table"):
        found(Ixi(IxiConfig(root=tmp_path / "a", table=Path("gone.csv"))))
    (tmp_path / "a/IXI.csv").write_text("IXI_ID,SEX_ID (1=m),AGE\n77,1,30\n")
    with pytest.raises(DataError, match="fits none of the scans: it lists 'ixi077'"):
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
    table = read_ixi_table(path)
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
        ("IXI.xls", xls_bytes([["IXI_ID", "WEIGHT"]]), "no column of sex, age"),
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
        read_ixi_table(tmp_path / name)
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
        read_ixi_table(path)
    except BrainzooError as error:
        assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12.0, "IXI012"),
        ("12", "IXI012"),
        ("012", "IXI012"),
        ("IXI012", "IXI012"),
        ("sub-IXI012", "IXI012"),
        ("IXI012-HH-1211-T1", "IXI012"),
        (1234.0, None),
        (12.5, None),
        (None, None),
        ("", None),
        ("n/a", None),
    ],
)
def test_ids_in_every_spelling(value: str | float | None, expected: str | None) -> None:
    assert subject_id(value) == expected


def test_constructing_and_pickling_touch_no_disk() -> None:
    dataset = pickle.loads(pickle.dumps(Ixi(IxiConfig(root=Path("/nowhere"), modality="MRA"))))
    assert (dataset.license, dataset.modality) == ("CC BY-SA 3.0", "angio")


@pytest.mark.skipif(not REAL.is_dir(), reason="the real data are not here")
def test_the_real_scans() -> None:
    scans = found(Ixi(IxiConfig(root=REAL)))
    assert len({s.id for s in scans}) == len(scans) == 121
    ages = [s.covariates["age"] for s in scans]
    assert all(isinstance(age, float) and 20 <= age <= 82 for age in ages)
    assert Counter(s.covariates["sex"] for s in scans) == {"F": 63, "M": 58}
    assert all(s.mask and s.mask.is_file() for s in scans)


# --- downloaded ---------------------------------------------------------------------------------

HASTY = Patience(timeout_s=2, attempts=2, wait_s=0.01)


def tar_bytes(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostileServer]:
    scans = {name: volume_bytes(i) for i, name in enumerate(SCANS)}
    with hostile_server() as server:
        server.files["IXI.xls"] = xls_bytes([HEADER, *ROWS])
        server.files["IXI-T1.tar"] = tar_bytes({**scans, "../evil": b"x", "README": b"x"})
        monkeypatch.setattr(ixi_download, "ADDRESSES", (server.address,))
        monkeypatch.setattr(ixi_download, "MIRRORS", {})
        monkeypatch.setattr(ixi_download, "MD5", dict.fromkeys(ixi_download.MD5, ""))
        yield server


def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brainzoo.transfer.download.Patience", lambda: HASTY)


def test_downloaded_end_to_end_through_trouble(
    server: HostileServer, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty(monkeypatch)
    server.faults["IXI.xls"] = [hostile.status(500)]
    server.faults["IXI-T1.tar"] = [hostile.drop(3000), hostile.truncate(2000), hostile.status(503)]
    dataset = Ixi(IxiConfig())
    assert people(dataset) == EXPECTED
    folder = own_home / "downloads/ixi"
    kept = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    assert kept == ["IXI-T1.tar.sha256", "IXI.xls", "IXI.xls.sha256", "T1"]
    assert sorted(p.name for p in (folder / "T1").iterdir()) == sorted(SCANS)
    assert (folder / "T1" / SCANS[1]).read_bytes() == volume_bytes(1)

    asked = len(server.requests)
    assert people(dataset) == EXPECTED
    assert len(server.requests) == asked  # everything is there: no network


def test_an_interrupted_download_is_taken_up_by_the_next_run(
    server: HostileServer, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty(monkeypatch)
    server.faults["IXI-T1.tar"] = [hostile.truncate(3000)] + [hostile.status(500)] * 2
    with pytest.raises(NetworkError, match=r"goes on from the 3 kB .* --data\.root"):
        Ixi(IxiConfig()).download()
    server.requests.clear()
    assert people(Ixi(IxiConfig())) == EXPECTED
    assert [(a.path, a.range) for a in server.requests] == [("/IXI-T1.tar", "bytes=3000-")]


PROGRAM = """
import sys
from pathlib import Path
from brainzoo.datasets import ixi_download
from brainzoo.datasets.config import IxiConfig
from brainzoo.datasets.ixi import Ixi
ixi_download.ADDRESSES, ixi_download.MIRRORS = (sys.argv[1],), {}
ixi_download.MD5 = dict.fromkeys(ixi_download.MD5, "")
print("ready", flush=True)
Ixi(IxiConfig()).download()
print(len(list(Ixi(IxiConfig()).subjects())))
"""


def test_killed_at_random_moments_it_still_arrives_whole(
    server: HostileServer, own_home: Path
) -> None:
    chance = random.Random(0)
    scans = {
        f"IXI{i:03}-HH-{i:04}-T1.nii.gz": b"\x1f\x8b" + chance.randbytes(99) for i in range(300)
    }
    server.files["IXI-T1.tar"] = tar_bytes(scans)  # 460 kB: some 30 pieces of the server
    server.files["IXI.xls"] = xls_bytes([HEADER, *ROWS])
    server.faults["IXI-T1.tar"] = [hostile.slow(0.01)] * 30
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, server.address], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        process.communicate()
    last = subprocess.run(
        [sys.executable, "-c", PROGRAM, server.address], stdout=subprocess.PIPE, check=True
    )
    assert last.stdout.decode().split() == ["ready", "300"]
    folder = own_home / "downloads/ixi"
    assert {path.name: path.read_bytes() for path in (folder / "T1").iterdir()} == scans
    assert not [p for p in folder.rglob("*") if ".part" in p.name or p.name.endswith(".tar")]


def test_an_interrupted_unpacking_needs_no_network(
    server: HostileServer, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ixi_download, "extract", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Ixi(IxiConfig()).download()
    monkeypatch.undo()
    monkeypatch.setenv("BRAINZOO_HOME", str(own_home))
    assert people(Ixi(IxiConfig())) == EXPECTED
    assert len(server.requests) == 2


def test_an_archive_left_by_a_kill_is_removed(server: HostileServer, own_home: Path) -> None:
    Ixi(IxiConfig()).download()
    tar = own_home / "downloads/ixi/IXI-T1.tar"
    tar.write_bytes(b"left")
    Ixi(IxiConfig()).download()
    assert not tar.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"not a tar",
        tar_bytes({"README": b"x"}),
        tar_bytes({SCANS[0]: b"<html>no scan</html>"}),
    ],
)
def test_an_archive_that_is_not_ixi_leaves_nothing(
    server: HostileServer, own_home: Path, content: bytes
) -> None:
    server.files["IXI-T1.tar"] = content
    with pytest.raises(IntegrityError):
        Ixi(IxiConfig()).download()
    folder = own_home / "downloads/ixi"
    assert not (folder / "T1").exists()
    assert not (folder / ".T1.part").exists()
    assert not (folder / "IXI-T1.tar").exists()
    with pytest.raises(DataError, match="no T1 scans"):
        list(Ixi(IxiConfig()).subjects())


def test_the_published_checksum_is_enforced(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ixi_download.MD5, "IXI-T1.tar", "34901a0593b41dd19c1a1f746eac2d58")
    with pytest.raises(IntegrityError, match="expected 34901a0593b41dd19c1a1f746eac2d58"):
        Ixi(IxiConfig()).download()


def test_a_mirror_is_asked_first(server: HostileServer) -> None:
    with hostile_server() as mirror:
        mirror.files.update(server.files)
        assert people(Ixi(IxiConfig(mirror=mirror.address))) == EXPECTED
        assert [asked.path for asked in mirror.requests] == ["/IXI.xls", "/IXI-T1.tar"]
    assert server.requests == []
    for wrong in ("file:///etc/", "example.org", "http://"):
        with pytest.raises(OptionError, match="no address"):
            ixi_download.remote("IXI.xls", wrong)


def test_before_the_download_there_is_nothing() -> None:
    with pytest.raises(DataError, match="not been downloaded"):
        list(Ixi(IxiConfig()).subjects())
