"""Whatever brainzoo writes or says of scans, nothing in it tells whom they show."""

from __future__ import annotations

import gzip
import logging
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from click.testing import CliRunner

from brainzoo.cli import main

MADE_UP = (
    "Doe",
    "Jane",
    "MRN-",
    "19510203",
    "General Hospital",
    "Physician",
    "20100723",
    "mprage",
)
"""Parts of the names, ids, dates, places and descriptions that the made-up scanner writes."""

OF_THE_REAL = (
    "Doe",
    "Jane",
    "MRN-",
    "19510203",
    "General Hospital",
    "20100723",
    "Rorden",
    "MPRAGE",
    "35389",
    "080842",
    "085817",
)
"""The same of the series in ../shared/data/dicom-t1."""

TRAINING = (
    *("--size", "32", "--images", "32", "--batch-size", "16", "--samples", "4"),
    *("--base-channels", "8", "--latent", "8"),
)


def run(*words: object) -> str:
    """Run brainzoo and return all that it printed."""
    found = CliRunner().invoke(main, [str(word) for word in words])
    assert found.exit_code == 0, found.output
    return found.output


def files_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents, also as they are behind compression."""
    for path in sorted(folder.rglob("*")):
        yield path.relative_to(folder).as_posix(), path.read_bytes() if path.is_file() else b""


def expect_nobody(secrets: tuple[str, ...], text: str, *folders: Path) -> None:
    """Look for secrets in what was printed, and in names and contents of files."""
    assert [secret for secret in secrets if told(secret, text.encode())] == [], text
    seen = 0
    for folder in folders:
        for name, content in files_below(folder):
            seen += 1
            whole = unpacked(content)
            binary = name.endswith((".safetensors", ".npy", ".png", ".gz", ".dcm"))
            for secret in secrets:
                assert not told(secret, name.encode()), name
                if len(secret) > 4 or not binary:  # three bytes may come by chance
                    assert not told(secret, whole), f"{secret} is in {name}"
    assert seen > 5


def told(secret: str, content: bytes) -> bool:
    """Return whether a text holds a secret as a word, or a longer one at the beginning of one."""
    word = rb"(?<![A-Za-z0-9.+/])" + re.escape(secret).encode()
    if len(secret) <= 4 and secret.isalpha():
        word += rb"(?![A-Za-z0-9+/=])"
    return re.search(word, content) is not None


def unpacked(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return content


def test_from_scans_to_a_report(
    scanner: Any, tmp_path: Path, own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "scans"
    own_home.joinpath("dicom").mkdir(parents=True)
    own_home.joinpath("dicom", "salt").write_text("5a" * 32)  # with it, all splits have people
    for i in range(8):
        place = root / "General Hospital" / f"Doe^Jane-{i}" / "20100723"
        scanner.series(place, "oblique", i, PatientID=f"MRN-0042-{i}")
    damaged = next((root / "General Hospital" / "Doe^Jane-3").rglob("*.dcm"))
    damaged.write_bytes(damaged.read_bytes()[:-100])
    (root / "Doe.dcm").write_bytes(b"MRN-0042 Doe^Jane 20100723" * 20)
    (root / "Jane.dcm").write_bytes(damaged.read_bytes()[:400])
    caplog.set_level(logging.DEBUG)
    data = ("dicom", "--data.root", root)
    said = run("data", *data, "--data.slices", "4", "--size", "32")
    said += run("data", *data, "--data.slices", "4", "--size", "32", "--json")
    out = tmp_path / "runs"
    said += run(
        "run", "dcgan", "--data", *data, "--data.slices", "4", *TRAINING, "--export", "dicom",
        "--export", "nifti", "--export", "png", "--out", out,
    )  # fmt: skip
    said += run("sample", out, "-n", "2", "--out", tmp_path / "made")
    said += run("export", tmp_path / "made", "--to", "dicom", "--out", tmp_path / "more")
    said = said.replace(str(tmp_path), "")
    assert "is left out" in said, "the damaged series is named, by its pseudonym and number"
    assert "truncated" in said
    assert "files damaged" in said
    expect_nobody(MADE_UP, said + caplog.text, own_home, out, tmp_path / "more")


def test_errors_with_debug_show_no_header(scanner: Any, tmp_path: Path) -> None:
    for i in range(3):
        for path in scanner.series(tmp_path / "in" / f"Doe{i}", PatientID=f"MRN-{i}"):
            path.write_bytes(path.read_bytes()[:-300])
    words = ["data", "dicom", "--data.root", str(tmp_path / "in"), "--debug"]
    found = CliRunner().invoke(main, words)
    assert found.exit_code == 9
    expect_shown = found.output.replace(str(tmp_path), "")
    for secret in MADE_UP:
        assert not told(secret, expect_shown.encode())


def test_a_real_series_names_nobody(real_series: Path, tmp_path: Path, own_home: Path) -> None:
    for i in range(3):
        (tmp_path / "scans" / f"{i}").mkdir(parents=True)
        for path in sorted(real_series.glob("*.dcm"))[::4]:
            found = pydicom.dcmread(path)
            found.PatientID = f"MRN-0042-{i}"
            found.save_as(tmp_path / "scans" / f"{i}" / path.name)
    out = tmp_path / "run"
    said = run(
        "run", "dcgan", "--data", "dicom", "--data.root", tmp_path / "scans",
        "--data.split-fractions", "1,0,0", *TRAINING, "--export", "dicom", "--out", out,
    )  # fmt: skip
    expect_nobody(OF_THE_REAL, said.replace(str(tmp_path), ""), own_home, out)
