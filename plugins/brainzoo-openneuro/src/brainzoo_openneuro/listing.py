"""What a dataset holds, by S3's lists: https://docs.aws.amazon.com/AmazonS3, ListObjectsV2."""

from __future__ import annotations

import dataclasses
import json
import re
import tempfile
from pathlib import Path
from urllib.parse import quote, urlencode

from brainzoo.api import IntegrityError, NotFoundError, download, write_bytes

MOST_PAGES = 2000
"""Of 1,000 files each; the largest datasets have some hundred."""

TABLES = ("dataset_description.json", "participants.tsv", "participants.json")

WANTED = re.compile(
    r"(?P<subject>sub-[A-Za-z0-9]+)/(?:"
    r"(?:ses-[A-Za-z0-9]+/)?anat/(?P=subject)_(?:[A-Za-z0-9.+-]+_)*(?P<suffix>[A-Za-z0-9]+)\.nii(?:\.gz)?"
    r"|(?P=subject)_sessions\.tsv)"
)
"""Anatomy and tables of sessions; no name of it leads out of the folder."""

_TAG = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@dataclasses.dataclass(frozen=True)
class Listed:
    """A file of a dataset.

    Attributes:
        name: Its path below the dataset.
        size: Bytes.
        md5: As S3 gives it; empty for files that were uploaded in parts.
    """

    name: str
    size: int
    md5: str

    @property
    def suffix(self) -> str:
        """The BIDS suffix of a scan; empty for tables."""
        match = WANTED.fullmatch(self.name)
        return (match["suffix"] or "") if match else ""

    @property
    def subject(self) -> str:
        """Whose file it is; empty for files about all."""
        return self.name.partition("/")[0] if "/" in self.name else ""


def listed(server: str, identifier: str, folder: Path) -> list[Listed]:
    """Return a dataset's anatomy and tables, sorted by name; asks the server once.

    Args:
        server: Address of the bucket.
        identifier: Accession number.
        folder: Where ``listing.json`` keeps the answer.

    Raises:
        NotFoundError: The server has no such dataset.
        NetworkError: It cannot be reached.
        IntegrityError: It answers something else than a list.
    """
    path = folder / "listing.json"
    if path.is_file():
        try:
            return [Listed(**file) for file in json.loads(path.read_text(encoding="utf-8"))]
        except (ValueError, TypeError) as error:
            raise IntegrityError(
                f"{path} is damaged: {error}.", "Remove it, then run the same command again."
            ) from error
    files = [file for file in _pages(server, f"{identifier}/", "/") if file.name in TABLES]
    if not any(file.name == TABLES[0] for file in files):
        raise NotFoundError(
            f"there is no dataset {identifier} at {server}.", "Check the number at openneuro.org."
        )
    # This prefix leaves out derivatives and sources.
    scans = _pages(server, f"{identifier}/sub-", "")
    files += [file for file in scans if WANTED.fullmatch(file.name)]
    files.sort(key=lambda file: file.name)
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(path, json.dumps([dataclasses.asdict(file) for file in files]).encode())
    return files


def address(server: str, identifier: str, name: str) -> str:
    """Return the address of a dataset's file."""
    return f"{server.rstrip('/')}/{identifier}/{quote(name)}"


def _pages(server: str, prefix: str, delimiter: str) -> list[Listed]:
    """Return the files below a prefix, page by page."""
    identifier = prefix.partition("/")[0]
    files: list[Listed] = []
    token = ""
    for _ in range(MOST_PAGES):
        query = {"list-type": "2", "prefix": prefix}
        query |= {"delimiter": delimiter} if delimiter else {}
        query |= {"continuation-token": token} if token else {}
        url = f"{server.rstrip('/')}/?{urlencode(query)}"
        with tempfile.TemporaryDirectory() as place:
            remote = download.Remote(f"{identifier}-files.xml", (url,))
            page = download.download(remote, Path(place)).read_bytes()
        found, token = read_page(page)
        for file in found:
            if file.name.startswith(prefix):
                below = file.name.removeprefix(f"{identifier}/")
                files.append(dataclasses.replace(file, name=below))
        if not token:
            return files
    raise IntegrityError(f"the list of {prefix} has more than {MOST_PAGES} pages.")


def read_page(page: bytes) -> tuple[list[Listed], str]:
    """Read one answer of S3.

    Returns:
        Its files by their whole keys, and the token of the next page; empty after the last.

    Raises:
        IntegrityError: It is something else.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(page, forbid_dtd=True)
        if root.tag not in (f"{_TAG}ListBucketResult", "ListBucketResult"):
            raise ValueError(f"it begins with <{root.tag.removeprefix(_TAG)}>")
        tag = _TAG if root.tag.startswith(_TAG) else ""
        files = []
        for item in root.iter(f"{tag}Contents"):
            size = int(item.findtext(f"{tag}Size") or "")
            etag = (item.findtext(f"{tag}ETag") or "").strip('"')
            # The ETag of a file that was uploaded in parts ends in their number: no MD5.
            md5 = etag if re.fullmatch(r"[0-9a-f]{32}", etag) else ""
            files.append(Listed(item.findtext(f"{tag}Key") or "", size, md5))
        more = root.findtext(f"{tag}IsTruncated") == "true"
        token = root.findtext(f"{tag}NextContinuationToken") or ""
        if more and not token:
            raise ValueError("it breaks off")
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise IntegrityError(
            f"the server's list of files cannot be read: {error}.", "Try again later."
        ) from error
    return files, token if more else ""
