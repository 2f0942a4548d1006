"""Scans that cannot be used are listed and skipped, or said in one line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from phantom import Heads, phantom

from brainzoo.common.errors import DataError, DiskError
from brainzoo.data.subjects import Subject
from brainzoo.data.volumes import Volume, write_nifti
from brainzoo.preparation.prepare import PrepareConfig, prepare

from .conftest import SMALL, in_cache


def test_unreadable_scans_are_listed_and_skipped(
    heads: Heads, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.nii.gz").write_bytes(heads.listed[0].source.read_bytes()[:2000])  # type: ignore[union-attr]
    heads.listed.insert(3, Subject("bad", {"T1w": tmp_path / "bad.nii.gz"}, scan="2"))
    images = prepare(heads, SMALL, name="heads")
    assert len(images.subjects()) == 12
    (failed,) = images.info["failed"]
    assert (failed["subject"], failed["scan"]) == ("bad", "2")
    assert "truncated" in failed["reason"]
    assert "warning: bad 2 is left out: bad.nii.gz is truncated" in capsys.readouterr().err


def test_none_readable_says_why(heads: Heads, tmp_path: Path, own_cache: Path) -> None:
    heads.listed = [Subject(f"n{i}", {"T1w": tmp_path / f"absent{i}.nii.gz"}) for i in range(9)]
    with pytest.raises(DataError, match=r"none of 9 scans.*absent\d.nii.gz cannot be read"):
        prepare(heads, SMALL, name="heads", quiet=True)
    assert in_cache(own_cache) == []


def test_one_subject_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="only one subject"):
        prepare(Heads(folder, 1), SMALL, name="heads")


def test_no_scans_at_all(folder: Path) -> None:
    with pytest.raises(DataError, match="no scans"):
        prepare(Heads(folder, 0), SMALL, name="heads")


def test_warnings_of_headers_are_told(
    heads: Heads, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_nifti(tmp_path / "odd.nii", phantom(6.0))
    content = bytearray((tmp_path / "odd.nii").read_bytes())
    content[252:256] = b"\0\0\0\0"  # qform_code and sform_code
    (tmp_path / "odd.nii").write_bytes(content)
    heads.listed.append(Subject("odd", {"T1w": tmp_path / "odd.nii"}))
    images = prepare(heads, SMALL, name="heads")
    assert "odd" in images.subjects()
    assert "warning: odd: neither sform nor qform" in capsys.readouterr().err
    assert json.loads((images.folder / "images.json").read_text())["failed"] == []  # type: ignore[operator]


def test_a_full_disk_is_no_fault_of_a_scan(folder: Path, own_cache: Path) -> None:
    """Or the data set would silently be a smaller one, and stay so in the cache."""
    heads = Heads(folder)

    def full() -> Volume:
        raise DiskError("the disk is full.")

    heads.listed[2] = dataclasses.replace(heads.listed[2], images={"T1w": full}, key="full")
    with pytest.raises(DiskError):
        prepare(heads, PrepareConfig(size=32), name="heads")
    assert in_cache(own_cache) == []
