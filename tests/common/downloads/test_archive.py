"""Extraction takes what fits and nothing else, whatever the archive says."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainzoo.common.downloads import archive as module
from brainzoo.common.downloads.archive import extract
from brainzoo.common.errors import BrainzooError, DiskError, IntegrityError

SCANS = re.compile(r"scan\d+\.nii\.gz")
GZIP = b"\x1f\x8b"


def make_tar(path: Path, members: dict[str, bytes | tarfile.TarInfo], mode: str = "w:") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                tar.addfile(content, io.BytesIO())
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def special(kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def content(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_only_regular_files_that_fit_come_out(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(GZIP + b"secret")
    members: dict[str, bytes | tarfile.TarInfo] = {
        "scan1.nii.gz": GZIP + b"one",
        "deep/er/scan2.nii.gz": GZIP + b"two",
        "../../scan3.nii.gz": GZIP + b"three",
        "/absolute/scan4.nii.gz": GZIP + b"four",
        "..\\windows\\scan5.nii.gz": GZIP + b"five",
        "scan6.nii.gz": special(tarfile.SYMTYPE, str(secret)),
        "scan7.nii.gz": special(tarfile.LNKTYPE, "../secret"),
        "scan8.nii.gz": special(tarfile.CHRTYPE),
        "scan9.nii.gz": special(tarfile.FIFOTYPE),
        "scan10.nii.gz": special(tarfile.DIRTYPE),
        "scan11.nii.gz/": special(tarfile.SYMTYPE, ".."),
        "scan11.nii.gz/inside": b"led astray",
        "._scan12.nii.gz": b"companion",
        "scan13.nii.gz.sh": b"rm",
        "README": b"text",
    }
    out = tmp_path / "a/b/out"
    paths = extract(make_tar(tmp_path / "scans.tar", members), out, SCANS)
    assert content(out) == [f"scan{i}.nii.gz" for i in range(1, 6)]
    assert sorted(path.name for path in paths) == content(out)
    assert (out / "scan3.nii.gz").read_bytes() == GZIP + b"three"
    assert content(tmp_path) == ["a", "a/b", "a/b/out", *(f"a/b/out/{n}" for n in content(out)),
                                 "scans.tar", "secret"]  # fmt: skip


def test_a_link_in_the_way_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    out = tmp_path / "out"
    out.mkdir()
    (out / ".scan1.nii.gz.part").symlink_to(victim)
    archive = make_tar(tmp_path / "scans.tar", {"scan1.nii.gz": b"123456789"})
    extract(archive, out, SCANS)
    assert victim.read_bytes() == b"untouched"
    assert (out / "scan1.nii.gz").read_bytes() == b"123456789"


def test_a_sparse_bomb_is_passed_over(tmp_path: Path) -> None:
    bomb = tarfile.TarInfo()
    bomb.pax_headers = {"GNU.sparse.map": f"{1 << 29},0", "GNU.sparse.size": str(1 << 29)}
    archive = make_tar(tmp_path / "scans.tar", {"scan1.nii.gz": b"one", "scan2.nii.gz": bomb})
    with tarfile.open(archive) as tar:
        assert tar.getmember("scan2.nii.gz").size == 1 << 29
    extract(archive, tmp_path / "out", SCANS)
    assert content(tmp_path / "out") == ["scan1.nii.gz"]


@pytest.mark.parametrize(
    ("members", "mode", "message"),
    [
        ({"README": b"text"}, "w:", "holds no file named like"),
        ({}, "w:", "holds no file named like"),
        ({"scan1.nii.gz": GZIP}, "w:gz", "not an intact tar archive"),
    ],
)
def test_a_bad_archive_is_one_clear_error(
    tmp_path: Path, members: dict[str, bytes | tarfile.TarInfo], mode: str, message: str
) -> None:
    archive = make_tar(tmp_path / "scans.tar", members, mode)
    with pytest.raises(IntegrityError, match=message):
        extract(archive, tmp_path / "out", SCANS)


def test_a_truncated_archive_gives_no_truncated_file(tmp_path: Path) -> None:
    members: dict[str, bytes | tarfile.TarInfo] = {
        f"scan{i}.nii.gz": GZIP + bytes(5000) for i in range(3)
    }
    archive = make_tar(tmp_path / "scans.tar", members)
    archive.write_bytes(archive.read_bytes()[:8000])
    with pytest.raises(IntegrityError):
        extract(archive, tmp_path / "out", SCANS)
    whole = [p for p in (tmp_path / "out").glob("scan*") if p.stat().st_size != 5002]
    assert whole == []


def test_an_interrupted_extraction_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_tar(
        tmp_path / "scans.tar", {f"scan{i}.nii.gz": GZIP + bytes(100) for i in range(5)}
    )
    written: list[str] = []
    write = module._write
    most = 3

    def counted(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
        if len(written) == most:
            raise KeyboardInterrupt
        written.append(path.name)
        write(tar, member, path)

    monkeypatch.setattr(module, "_write", counted)
    with pytest.raises(KeyboardInterrupt):
        extract(archive, tmp_path / "out", SCANS)
    most = 5
    assert len(extract(archive, tmp_path / "out", SCANS)) == 5
    assert sorted(written) == content(tmp_path / "out")


def test_too_little_space_is_said_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_tar(tmp_path / "scans.tar", {"scan1.nii.gz": bytes(3000)})
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=2000))
    with pytest.raises(DiskError, match="needs 3 kB"):
        extract(archive, tmp_path / "out", SCANS)
    assert content(tmp_path / "out") == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_archives_raise_nothing_else(tmp_path: Path, data: st.DataObject) -> None:
    whole = make_tar(
        tmp_path / "whole.tar", {"scan1.nii.gz": GZIP + bytes(700), "long" * 60: b"x"}
    ).read_bytes()
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, 2047))] = data.draw(st.integers(0, 255))
    archive = tmp_path / "damaged.tar"
    archive.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    try:
        extract(archive, tmp_path / "out", SCANS)
    except BrainzooError as error:
        assert "\n" not in str(error)  # noqa: PT017
