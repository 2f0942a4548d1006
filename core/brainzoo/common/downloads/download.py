"""Downloads a file so that it is complete and right, or absent.

What has arrived is kept in ``NAME.part`` through any end of the process. Where a checksum is known,
the next run goes on from there (HTTP range requests, RFC 9110 section 14).
"""

from __future__ import annotations

import dataclasses
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from brainzoo.common import console
from brainzoo.common.console import Progress, size_text
from brainzoo.common.errors import IntegrityError, NetworkError
from brainzoo.common.files import digest, disk_errors, expect_space, sync
from brainzoo.common.locks import locked
from brainzoo.common.strict import one_line

CHUNK = 1 << 20
LONGEST_WAIT_S = 60.0
RESERVE = 256 << 20  # bytes that stay free where a server does not say how much will come


@dataclasses.dataclass(frozen=True)
class Remote:
    """A file at one or several addresses, which are tried in turn.

    Checksums (hexadecimal, or how they begin) and the size in bytes count where published.
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
    """The connection broke: worth another attempt."""


class _RefusedError(Exception):
    """This address will not do."""


class _CorruptError(_RefusedError):
    """All bytes are there and they are the wrong ones."""


def download(
    remote: Remote,
    folder: Path,
    *,
    space: float = 1.0,
    patience: Patience | None = None,
    quiet: bool = False,
) -> Path:
    """Fetch a file into a folder unless it is there; safe against kills and second processes.

    ``space`` times its size must be free on the disk: 2 if it will be unpacked.

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
        self._remote, self._target, self._space = remote, target, space
        self._part = target.with_name(f"{target.name}.part")
        self._patience, self._meter = patience, meter
        self._verifiable = bool(remote.md5 or remote.sha256)

    @property
    def _here(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _say(self, text: str) -> None:
        if not self._meter.hidden:
            console.note(f"{self._remote.name}: {text}")

    def run(self) -> None:
        """Try the addresses in turn."""
        failures: list[Exception] = []
        reasons: list[str] = []
        for url in self._remote.urls:
            try:
                self._fetch_patiently(url)
                self._part.replace(self._target)
                return
            except (_LostError, _RefusedError) as error:
                failures.append(error)
                reasons.append(f"{urlsplit(url).netloc} {error}")
                if url != self._remote.urls[-1]:
                    self._say(f"{reasons[-1]}; trying another address")
        what = f"{self._remote.name} could not be downloaded: {'; '.join(dict.fromkeys(reasons))}."
        if any(isinstance(failure, _CorruptError) for failure in failures):
            raise IntegrityError(what, "Nothing was kept. Try again later, or another address.")
        hint = "Check the connection, then run the same command again."
        if self._verifiable and self._here:
            size = size_text(self._here)
            hint = f"Run the same command again: it goes on from the {size} that are here."
        raise NetworkError(what, hint)

    def _fetch_patiently(self, url: str) -> None:
        failures, furthest = 0, self._here
        while True:
            begun = self._here if self._verifiable else 0
            try:
                self._fetch(url, begun)
                self._check()
                return
            except _CorruptError:
                self._part.unlink(missing_ok=True)
                if not begun:
                    raise
                # the beginning may have been another file's: once more, whole
            except _LostError as error:
                failures = 0 if self._here > furthest else failures + 1
                furthest = max(furthest, self._here)
                if failures >= self._patience.attempts:
                    raise
                wait_s = min(self._patience.wait_s * 2 ** max(failures - 1, 0), LONGEST_WAIT_S)
                self._say(f"{error}; trying again in {wait_s:.0f} s")
                time.sleep(wait_s)

    def _fetch(self, url: str, begun: int) -> None:
        """Append to the part what is missing, from one request."""
        if begun and begun == self._remote.size:
            return
        headers = {"User-Agent": "brainzoo", "Accept-Encoding": "identity"}
        if begun:
            headers["Range"] = f"bytes={begun}-"
        request, timeout_s = Request(url, headers=headers), self._patience.timeout_s
        with _network_errors(), urlopen(request, timeout=timeout_s) as response:
            done, total = self._placed(response, begun)
            needed = RESERVE if total is None else int(total * self._space) - done
            expect_space(self._part.parent, needed, self._remote.name)
            self._meter.show(done, total)
            with self._part.open("ab" if done else "wb") as file:
                while chunk := response.read1(CHUNK):
                    file.write(chunk)
                    file.flush()
                    done += len(chunk)
                    self._meter.show(done, total)
                    if total is None:
                        expect_space(self._part.parent, RESERVE, self._remote.name)
        if total is not None and done < total:
            raise _LostError(f"broke off after {size_text(done)} of {size_text(total)}")

    def _placed(self, response: HTTPResponse, begun: int) -> tuple[int, int | None]:
        """Return where in the file the answer begins, and the whole file's length if known.

        Nothing that is here is deleted before the answer looks like the file wanted.
        """
        if response.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
            raise _RefusedError("sends a web page instead of the file")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise _RefusedError("sends the file encoded in a way that was not asked for")
        start, total = 0, response.length
        if response.status == 206:
            said = response.headers.get("Content-Range", "")
            match = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", said.strip())
            if not match or int(match[1]) != begun:
                self._part.unlink(missing_ok=True)
                raise _LostError("sends another part of the file than was asked for")
            start, total = begun, int(match[2])
        elif total is None and not response.chunked and not self._verifiable:
            raise _RefusedError("does not say how long the file is")
        if self._remote.size is not None and total not in (None, self._remote.size):
            raise _RefusedError(f"offers {total} bytes where {self._remote.size} were expected")
        return start, total

    def _check(self) -> None:
        """Compare size and checksums of what has arrived."""
        if self._remote.size is not None and self._here != self._remote.size:
            raise _CorruptError(f"sent {self._here} bytes; expected {self._remote.size}")
        for name in ("md5", "sha256"):
            expected = getattr(self._remote, name).lower()
            if expected:
                found = digest(self._part, name)
                if not found.startswith(expected):
                    raise _CorruptError(
                        f"sent a file of {name.upper()} {found}; expected {expected}"
                    )
        sync(self._part)


@contextmanager
def _network_errors() -> Iterator[None]:
    """Say what became of a request, and whether another one is worth it."""
    try:
        yield
    except HTTPError as error:
        with error:
            reason = one_line(f"answers {error.code} {error.reason}")
        if error.code == 416:  # what is here reaches beyond the file's end
            raise _CorruptError(reason) from error
        again = error.code in (408, 425, 429) or error.code >= 500
        raise (_LostError if again else _RefusedError)(reason) from error
    except (URLError, ValueError) as error:
        cause = error.reason if isinstance(error, URLError) else error
        hopeless = (socket.gaierror, ssl.SSLCertVerificationError, ConnectionRefusedError)
        again = isinstance(cause, OSError) and not isinstance(cause, hopeless)
        text = one_line(f"cannot be reached ({cause})")
        raise (_LostError if again else _RefusedError)(text) from error
    except (HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
        raise _LostError(one_line(f"broke off ({error or type(error).__name__})")) from error
