"""A web server on 127.0.0.1 that misbehaves on command.

Each request takes the next fault of its path; when none is left the file is served well, with
ranges, an ETag and If-Range. ``requests`` holds what was asked for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Fault = Callable[["Handler", bytes], None]


@dataclasses.dataclass
class Asked:
    """One request: its path, its Range and If-Range headers, and how many bytes were sent."""

    path: str
    range: str | None
    if_range: str | None
    sent: int = 0


class HostileServer(ThreadingHTTPServer):
    """Serves ``files`` by name, with ``faults`` by name."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.requests: list[Asked] = []
        self.etags = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent when a client was killed."""


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: HostileServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.asked = Asked(self.path, self.headers["Range"], self.headers["If-Range"])
        self.server.requests.append(self.asked)
        faults = self.server.faults.get(name, [])
        content = self.server.files.get(name)
        self.close_connection = True
        if faults:
            faults.pop(0)(self, content or b"")
        elif content is None:
            status(404)(self, b"")
        else:
            self.serve(content)

    def serve(self, content: bytes, *, sent: int | None = None, pause_s: float = 0) -> None:
        """Serve well, but only ``sent`` bytes of the body if that is given."""
        etag = f'"{self.etag(content)}"'
        match = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        start = int(match[1]) if match and self.headers["If-Range"] in (None, etag) else 0
        if match and start >= len(content):
            self.begin(416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"})
            return
        headers = {"Content-Length": str(len(content) - start)}
        if self.server.etags:
            headers["ETag"] = etag
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.begin(206 if start else 200, headers)
        self.body(content[start:] if sent is None else content[start : start + sent], pause_s)

    def etag(self, content: bytes) -> str:
        return hashlib.md5(content).hexdigest()

    def begin(self, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def body(self, content: bytes, pause_s: float = 0) -> None:
        for start in range(0, len(content), 16384):
            piece = content[start : start + 16384]
            self.wfile.write(piece)
            self.wfile.flush()
            self.asked.sent += len(piece)
            time.sleep(pause_s)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextlib.contextmanager
def hostile_server() -> Iterator[HostileServer]:
    """Run a server in a thread while the block lasts."""
    with HostileServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def drop(after: int) -> Fault:
    """Announce everything, send some, then reset the connection."""

    def fault(handler: Handler, content: bytes) -> None:
        handler.serve(content, sent=after)
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    return fault


def truncate(after: int) -> Fault:
    """Announce everything, send some, then close politely."""
    return lambda handler, content: handler.serve(content, sent=after)


def slow(pause_s: float) -> Fault:
    """Serve well, with a pause after every 16 KiB."""
    return lambda handler, content: handler.serve(content, pause_s=pause_s)


def hold(after: int) -> Fault:
    """Send some, then nothing until the client has left."""

    def fault(handler: Handler, content: bytes) -> None:
        handler.serve(content, sent=after)
        handler.connection.recv(1)

    return fault


def until(event: threading.Event) -> Fault:
    """Serve well once something has happened."""

    def fault(handler: Handler, content: bytes) -> None:
        event.wait()
        handler.serve(content)

    return fault


def status(code: int, headers: dict[str, str] | None = None) -> Fault:
    """Answer a status with a web page."""

    def fault(handler: Handler, content: bytes) -> None:
        page = b"<!DOCTYPE html><title>Not what you want</title>"
        own = {"Content-Type": "text/html", "Content-Length": str(len(page))}
        handler.begin(code, own | (headers or {}))
        handler.body(page)

    return fault


def whole(*, change: Callable[[bytes], bytes] = bytes, **headers: str) -> Fault:
    """Answer 200 with the whole (changed) file whatever was asked for, with other headers."""

    def fault(handler: Handler, content: bytes) -> None:
        body = change(content)
        own = {"Content-Length": str(len(body))}
        handler.begin(200, own | {name.replace("_", "-"): value for name, value in headers.items()})
        handler.body(body)

    return fault


def unannounced(after: int | None = None) -> Fault:
    """Send the file, or a part, without any length: it ends where the connection does."""

    def fault(handler: Handler, content: bytes) -> None:
        handler.begin(200, {})
        handler.body(content if after is None else content[:after])

    return fault


def chunked(after: int | None = None) -> Fault:
    """Send the file in chunks; if ``after`` is given, break off there."""

    def fault(handler: Handler, content: bytes) -> None:
        handler.begin(200, {"Transfer-Encoding": "chunked"})
        some = content if after is None else content[:after]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(some), some))
        if after is None:
            handler.wfile.write(b"0\r\n\r\n")

    return fault


def wrong_part(shift: int) -> Fault:
    """Answer a range with another one."""

    def fault(handler: Handler, content: bytes) -> None:
        match = re.fullmatch(r"bytes=(\d+)-", handler.headers["Range"] or "")
        start = (int(match[1]) if match else 0) + shift
        body = content[start:]
        own = {"Content-Length": str(len(body))}
        own["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        handler.begin(206, own)
        handler.body(body)

    return fault


def raw(answer: bytes) -> Fault:
    """Send bytes that need be no HTTP."""

    def fault(handler: Handler, content: bytes) -> None:
        handler.wfile.write(answer)

    return fault
