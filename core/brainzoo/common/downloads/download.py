"""Downloads a file so that it is complete and right, or absent.

What has arrived is kept in ``NAME.part`` through any end of the process, and the next run goes on
from there (HTTP range requests, RFC 9110 section 14). Size and checksum are compared before the
file gets its name.
"""

from __future__ import annotations

import dataclasses
import time
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request

from brainzoo.common import console
from brainzoo.common.console import Progress, size_text
from brainzoo.common.downloads.partial import CHUNK, CorruptError, Origin, Partial
from brainzoo.common.downloads.web import (
    clean,
    content_range,
    explain,
    open_url,
    retry_after_s,
    validator,
)
from brainzoo.common.errors import IntegrityError, NetworkError
from brainzoo.common.files import disk_errors
from brainzoo.common.locks import locked

LONGEST_WAIT_S = 60.0


@dataclasses.dataclass(frozen=True)
class Remote:
    """A file at one or several addresses, with what is known of it.

    Addresses are tried in turn; checksums (hexadecimal) and size in bytes count where published.
    """

    name: str
    urls: tuple[str, ...]
    md5: str = ""
    sha256: str = ""
    size: int | None = None


@dataclasses.dataclass(frozen=True)
class Patience:
    """How long to bear with a server."""

    timeout_s: float = 30.0  # without a byte, after which the connection counts as lost
    attempts: int = 6  # in a row without a new byte
    wait_s: float = 1.0  # the first pause; each further one is twice as long


class _LostError(Exception):
    """The connection broke: worth another attempt, after ``wait_s`` if the server says so."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class _RefusedError(Exception):
    """This address will not do."""


def download(
    remote: Remote,
    folder: Path,
    *,
    space: float = 1.0,
    patience: Patience | None = None,
    quiet: bool = False,
) -> Path:
    """Fetch a file into a folder unless it is there; safe against kills and second processes.

    Beside the file, ``NAME.sha256`` records what arrived first; a later download of the same name
    must be the same. ``space`` times its size must be free on the disk: 2 if it will be unpacked.

    Raises:
        NetworkError: No address could deliver; what arrived is kept.
        IntegrityError: What arrived has the wrong size or checksum.
    """
    target = folder / remote.name
    if target.is_file():
        return target
    with disk_errors(target), locked(target):
        if not target.is_file():
            with console.progress(remote.name, None, unit="bytes", hidden=quiet) as meter:
                _Transfer(remote, target, space, patience or Patience(), meter).run()
    return target


class _Transfer:
    """One file on its way."""

    def __init__(
        self, remote: Remote, target: Path, space: float, patience: Patience, meter: Progress
    ) -> None:
        self._remote, self._space, self._patience = remote, space, patience
        self._part = Partial(target, remote.md5, remote.sha256, remote.size)
        self._meter, self._received = meter, False

    def _say(self, text: str) -> None:
        if not self._meter.hidden:
            console.note(f"{self._remote.name}: {text}")

    def run(self) -> None:
        """Try the addresses in turn."""
        reasons = []
        corrupt = False
        for url in self._remote.urls:
            try:
                self._fetch_patiently(url)
                return
            except (_LostError, _RefusedError, CorruptError) as error:
                corrupt = corrupt or isinstance(error, CorruptError)
                reasons.append(f"{urlsplit(url).netloc} {error}")
                if url != self._remote.urls[-1]:
                    self._say(f"{reasons[-1]}; trying another address")
        different = "; ".join(dict.fromkeys(reasons))
        what = f"{self._remote.name} could not be downloaded: {different}."
        if corrupt:
            raise IntegrityError(what, "Nothing was kept. Try again later, or another address.")
        here = f"it goes on from the {size_text(self._part.size)} that are here."
        hint = "Check the connection, then run the same command again."
        raise NetworkError(what, f"Run the same command again: {here}" if self._part.size else hint)

    def _fetch_patiently(self, url: str) -> None:
        failures, furthest = 0, self._part.size
        resumed = furthest > 0
        while True:
            try:
                self._fetch(url)
                self._part.finish()
                return
            except CorruptError:
                self._part.forget()
                if not resumed:
                    raise
                resumed = False  # the beginning may have been another file's: once more, whole
            except _LostError as error:
                resumed = True
                failures = 0 if self._part.size > furthest else failures + 1
                furthest = max(furthest, self._part.size)
                if failures >= self._patience.attempts:
                    raise
                pause = self._patience.wait_s * 2 ** max(failures - 1, 0)
                wait_s = min(error.wait_s or pause, LONGEST_WAIT_S)
                self._say(f"{error}; trying again in {wait_s:.0f} s")
                time.sleep(wait_s)

    def _fetch(self, url: str) -> None:
        """Append to the part what is missing, from one request."""
        offset = self._part.continuable(url)
        if offset and offset == self._part.total:
            return
        with self._open(url, offset) as response:
            start, total = self._placed(url, response, offset)
            self._part.check_space(start, total, self._space)
            if not start:
                self._part.begin(Origin(url, validator(response.headers), total))
            done = start
            self._meter.show(done, total)
            with self._part.path.open("ab") as file:
                while chunk := _read(response):
                    self._received = True
                    file.write(chunk)
                    file.flush()
                    done += len(chunk)
                    self._meter.show(done, total)
                    if total is None:
                        self._part.check_space(done, total, self._space)
        if total is not None and done > total:
            self._part.forget()
            raise _RefusedError(f"sent more than the {total} bytes that it announced")
        if total is not None and done < total:
            raise _LostError(f"broke off after {size_text(done)} of {size_text(total)}")

    def _open(self, url: str, offset: int) -> HTTPResponse:
        headers = {"User-Agent": "brainzoo", "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if self._part.origin.url == url and self._part.origin.validator:
                headers["If-Range"] = self._part.origin.validator
        try:
            return open_url(Request(url, headers=headers), self._patience.timeout_s)
        except HTTPError as error:
            with error:
                if error.code == 416 and offset:
                    raise self._other_file(url) from error
                reason = clean(f"answers {error.code} {error.reason}")
                if error.code in (408, 425, 429) or error.code >= 500:
                    raise _LostError(reason, retry_after_s(error.headers)) from error
                raise _RefusedError(reason) from error
        except (OSError, HTTPException, ValueError) as error:
            reason, permanent = explain(error)
            if permanent and not self._received:
                raise _RefusedError(reason) from error
            raise _LostError(reason) from error

    def _placed(self, url: str, response: HTTPResponse, offset: int) -> tuple[int, int | None]:
        """Return where in the file the answer begins, and the whole file's length if known.

        Nothing that is here is deleted before the answer looks like the file wanted.
        """
        if response.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
            raise _RefusedError("sends a web page instead of the file")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise _RefusedError("sends the file encoded in a way that was not asked for")
        begun = self._part.origin.total if offset else None
        start, total = 0, response.length
        if response.status == 206:
            start, total = content_range(response.headers) or (-1, None)
            total = total or begun
            if start != offset or begun not in (None, total):
                raise self._other_file(url)
        elif response.status != 200:
            raise _RefusedError(clean(f"answers {response.status} {response.reason}"))
        elif begun not in (None, total) and self._part.origin.url != url:
            raise self._other_file(url)
        elif total is None and not response.chunked and not self._part.verifiable:
            raise _RefusedError("does not say how long the file is")
        if self._remote.size is not None and total not in (None, self._remote.size):
            raise _RefusedError(f"offers {total} bytes where {self._remote.size} were expected")
        return start, total

    def _other_file(self, url: str) -> _LostError | _RefusedError:
        """Say that an address holds another file than the one begun; only its own is begun anew."""
        if self._part.origin.url != url:
            return _RefusedError(f"has a different file from the one begun as {self._part.path}")
        self._part.forget()
        return _LostError("has a different file from the one that was begun")


def _read(response: HTTPResponse) -> bytes:
    try:
        return response.read1(CHUNK)
    except (OSError, HTTPException, ValueError) as error:
        raise _LostError(explain(error)[0]) from error
