"""Datasets of OpenNeuro, from a server on 127.0.0.1 with the layout of S3."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

import hostile_server as hostile
import nibabel
import numpy as np
import pytest
from hostile_server import HostileServer, hostile_server
from hypothesis import given
from hypothesis import strategies as st

from brainzoo.common.downloads.download import Patience
from brainzoo.common.errors import (
    DataError,
    IntegrityError,
    NetworkError,
    NotFoundError,
    OptionError,
)
from brainzoo.testing import DatasetContract, make_volume
from brainzoo_openneuro.config import OpenNeuroConfig
from brainzoo_openneuro.dataset import OpenNeuro
from brainzoo_openneuro.listing import WANTED, read_page

ID = "ds000247"
ABOUT = {
    "Name": "Made-up heads",
    "BIDSVersion": "1.8.0",
    "License": "CC0",
    "Authors": ["A. Nobody"],
    "DatasetDOI": "doi:10.18112/openneuro.ds000247.v1.0.0",
}


def scan(seed: int) -> bytes:
    volume = make_volume(seed=seed)
    image = nibabel.Nifti1Image(volume.data.astype(np.int16), volume.affine)
    return gzip.compress(image.to_bytes(), mtime=0)


def tree() -> dict[str, bytes]:
    """Return the files of a dataset by their path."""
    files = {
        "dataset_description.json": json.dumps(ABOUT).encode(),
        "participants.tsv": b"participant_id\tage\tsex\n"
        b"sub-01\t23\tF\nsub-02\t41\tM\nsub-03\t60\tF\n",
        "participants.json": b"{}",
        "README": b"read me",
        "derivatives/x/sub-01/anat/sub-01_T1w.nii.gz": b"another",
        "sub-01/func/sub-01_task-rest_bold.nii.gz": b"large",
        "sub-01/anat/sub-01_T1w.json": b"{}",
    }
    for number in (1, 2, 3):
        session = "ses-a/" if number == 3 else ""
        entity = "ses-a_" if number == 3 else ""
        place = f"sub-0{number}/{session}anat/sub-0{number}_{entity}"
        files[f"{place}T1w.nii.gz"] = scan(number)
        if number != 2:
            files[f"{place}FLAIR.nii.gz"] = scan(10 + number)
    return files


def listing(files: dict[str, bytes], *, more: str = "", parts: tuple[str, ...] = ()) -> bytes:
    """Return a page as S3 writes it."""
    items = ""
    for name, content in files.items():
        etag = hashlib.md5(content).hexdigest() + ("-2" if name in parts else "")
        items += (
            f"<Contents><Key>{escape(f'{ID}/{name}')}</Key><ETag>&quot;{etag}&quot;</ETag>"
            f"<Size>{len(content)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        )
    end = f"<NextContinuationToken>{more}</NextContinuationToken>" if more else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>openneuro.org</Name>'
        f"<IsTruncated>{str(bool(more)).lower()}</IsTruncated>{end}{items}</ListBucketResult>"
    ).encode()


def asked(prefix: str, **more: str) -> str:
    return "?" + urlencode({"list-type": "2", "prefix": f"{ID}/{prefix}", **more})


def serve(server: HostileServer, **options: Any) -> dict[str, bytes]:
    """Let the server hold the dataset, its list in pages of four files."""
    files = tree()
    server.files |= {f"{ID}/{name}": content for name, content in files.items()}
    top = {name: content for name, content in files.items() if "/" not in name}
    server.files[asked("", delimiter="/")] = listing(top)
    names = sorted(name for name in files if name.startswith("sub-"))
    pages = [names[i : i + 4] for i in range(0, len(names), 4)]
    for number, page in enumerate(pages):
        here = {"continuation-token": f"t/{number}="} if number else {}
        after = f"t/{number + 1}=" if number + 1 < len(pages) else ""
        shown = {name: files[name] for name in page}
        server.files[asked("sub-", **here)] = listing(shown, more=after, **options)
    return files


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hasty = Patience(timeout_s=60, attempts=2, wait_s=0.01)
    monkeypatch.setattr("brainzoo.common.downloads.download.Patience", lambda: hasty)
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with hostile_server() as server:
        serve(server)
        yield server


def openneuro(server: HostileServer, **options: Any) -> OpenNeuro:
    return OpenNeuro(OpenNeuroConfig(id=ID, server=server.address, **options))


def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "downloads" / "openneuro" / ID


def stored(tmp_path: Path) -> list[str]:
    below = folder(tmp_path)
    found = (path.relative_to(below).as_posix() for path in below.rglob("*") if path.is_file())
    return sorted(name for name in found if not name.endswith((".sha256", ".lock", "listing.json")))


class TestContract(DatasetContract):
    name = "openneuro"

    @pytest.fixture(autouse=True)
    def served(self, server: HostileServer) -> None:
        self.server = server

    def options_in(self, folder: Path) -> dict[str, Any]:
        return {"id": ID, "server": self.server.address}


def test_only_anatomy_and_the_table_of_people_are_fetched(
    server: HostileServer, tmp_path: Path
) -> None:
    dataset = openneuro(server)
    dataset.download()
    people = list(dataset.subjects())
    assert [(s.id, s.covariates["age"], s.covariates["sex"]) for s in people] == [
        ("sub-01", 23, "F"),
        ("sub-02", 41, "M"),
        ("sub-03", 60, "F"),
    ]
    assert stored(tmp_path) == [
        "dataset_description.json",
        "participants.json",
        "participants.tsv",
        "sub-01/anat/sub-01_T1w.nii.gz",
        "sub-02/anat/sub-02_T1w.nii.gz",
        "sub-03/ses-a/anat/sub-03_ses-a_T1w.nii.gz",
    ]
    assert (dataset.license, dataset.citation) == ("CC0", "A. Nobody. Made-up heads")
    assert dataset.url == "https://doi.org/10.18112/openneuro.ds000247.v1.0.0"


def test_more_channels_fetch_what_is_missing_and_ask_for_no_list(
    server: HostileServer, tmp_path: Path
) -> None:
    openneuro(server).download()
    server.requests.clear()
    dataset = openneuro(server, channels=("T1w", "FLAIR"))
    dataset.download()
    assert [a.path.rpartition("/")[2] for a in server.requests] == [
        "sub-01_FLAIR.nii.gz",
        "sub-03_ses-a_FLAIR.nii.gz",
    ]
    assert [sorted(s.images) for s in dataset.subjects()] == [
        ["FLAIR", "T1w"],
        ["T1w"],
        ["FLAIR", "T1w"],
    ]


def test_the_first_people_only(server: HostileServer, tmp_path: Path) -> None:
    dataset = openneuro(server, people=2)
    dataset.download()
    assert [subject.id for subject in dataset.subjects()] == ["sub-01", "sub-02"]
    assert not (folder(tmp_path) / "sub-03").exists()


def test_an_interrupted_download_goes_on_where_it_stopped(
    server: HostileServer, tmp_path: Path
) -> None:
    name = f"{ID}/sub-02/anat/sub-02_T1w.nii.gz"
    server.faults[name] = [hostile.truncate(5000)] + [hostile.status(500)] * 2
    with pytest.raises(NetworkError, match="goes on from the 5 kB"):
        openneuro(server).download()
    server.requests.clear()
    openneuro(server).download()
    assert [(a.path.rpartition("/")[2], a.range) for a in server.requests] == [
        ("sub-02_T1w.nii.gz", "bytes=5000-"),
        ("sub-03_ses-a_T1w.nii.gz", None),
    ]
    at = folder(tmp_path) / "sub-02/anat/sub-02_T1w.nii.gz"
    assert at.read_bytes() == scan(2)


def test_a_damaged_file_is_noticed_and_nothing_of_it_kept(
    server: HostileServer, tmp_path: Path
) -> None:
    name = f"{ID}/sub-01/anat/sub-01_T1w.nii.gz"
    server.faults[name] = [hostile.whole(change=lambda c: c[:999] + bytes([c[999] ^ 1]) + c[1000:])]
    with pytest.raises(IntegrityError, match=r"sub-01_T1w\.nii\.gz .* MD5"):
        openneuro(server).download()
    assert stored(tmp_path) == ["dataset_description.json", "participants.json", "participants.tsv"]
    openneuro(server).download()
    assert (folder(tmp_path) / "sub-01/anat/sub-01_T1w.nii.gz").read_bytes() == scan(1)


def test_of_files_uploaded_in_parts_the_size_is_compared(tmp_path: Path) -> None:
    part = "sub-01/anat/sub-01_T1w.nii.gz"
    with hostile_server() as server:
        serve(server, parts=(part,))
        server.faults[f"{ID}/{part}"] = [hostile.whole(change=lambda content: content[:-1])]
        with pytest.raises(NetworkError, match="bytes where"):
            openneuro(server).download()
        openneuro(server).download()
    assert (folder(tmp_path) / part).read_bytes() == scan(1)


def test_what_is_not_there_is_said_in_one_line(server: HostileServer) -> None:
    with pytest.raises(OptionError, match=r"--data\.id ds002748"):
        OpenNeuro(OpenNeuroConfig()).download()
    with pytest.raises(OptionError, match="ds002748"):
        OpenNeuroConfig(id="2748")
    with pytest.raises(DataError, match=r"no T2w scans; there are FLAIR, T1w"):
        openneuro(server, channels=("T2w",)).download()
    server.files[asked("", delimiter="/")] = listing({})
    other = OpenNeuroConfig(id="ds999999", server=server.address)
    server.files["?" + urlencode({"list-type": "2", "prefix": "ds999999/", "delimiter": "/"})] = (
        listing({})
    )
    with pytest.raises(NotFoundError, match="no dataset ds999999"):
        OpenNeuro(other).download()


def test_a_list_that_is_no_list_is_refused() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><ListBucketResult>&a;</ListBucketResult>'
    for page in (bomb, b"", b"<html/>", b"<Error><Code>NoSuchBucket</Code></Error>", b"\xff\xfe"):
        with pytest.raises(IntegrityError, match="list of files"):
            read_page(page)
    with pytest.raises(IntegrityError, match="breaks off"):
        read_page(b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_refused(content: bytes) -> None:
    try:
        read_page(content)
    except IntegrityError:
        return


@given(st.lists(st.sampled_from(["..", "sub-01", "anat", "ses-1", "", "sub-01_T1w.nii.gz", "/x"])))
def test_no_name_leads_out_of_the_folder(parts: list[str]) -> None:
    name = "/".join(parts)
    if WANTED.fullmatch(name):
        assert ".." not in parts
        assert "" not in parts
        assert not name.startswith("/")
