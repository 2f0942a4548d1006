"""The little of HTTP that downloads need: opening an address, and headers read with care."""

from __future__ import annotations

import re
import socket
import ssl
import urllib.request
from email.message import Message
from http.client import HTTPResponse
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request


def open_url(request: Request, timeout_s: float) -> HTTPResponse:
    """Open an http or https address; redirects lead nowhere else, so to no local file.

    Raises OSError, HTTPException or ValueError, which :func:`explain` puts into words.
    """
    opener = OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        HTTPRedirectHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    response = opener.open(request, timeout=timeout_s)
    if not isinstance(response, HTTPResponse):
        raise URLError("no answer")
    return response


def content_range(headers: Message) -> tuple[int, int | None] | None:
    """Return the first byte and the whole length (if known) of ``Content-Range``."""
    text = headers.get("Content-Range", "")
    match = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", text.strip())
    if not match or int(match[2]) < int(match[1]):
        return None
    return int(match[1]), None if match[3] == "*" else int(match[3])


def validator(headers: Message) -> str:
    """Return what names this version of a file: a strong ETag, else the date of its change."""
    etag = str(headers.get("ETag", ""))
    strong = etag and not etag.startswith("W/")
    return etag if strong else str(headers.get("Last-Modified", ""))


def retry_after_s(headers: Message) -> float | None:
    """Return the seconds of ``Retry-After``; ``None`` if it is not there or a date."""
    text = headers.get("Retry-After", "").strip()
    return float(text) if re.fullmatch(r"\d{1,6}", text) else None


def explain(error: BaseException) -> tuple[str, bool]:
    """Return in words why a connection failed, and whether trying again is pointless."""
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"has no valid certificate ({cause.verify_message})", True
    for kind, text, pointless in (
        (TimeoutError, "does not answer", False),
        (socket.gaierror, "has no address: no such server, or this machine is offline", True),
        (ConnectionRefusedError, "refuses connections", True),
        (ConnectionError, "closed the connection", False),
    ):
        if isinstance(cause, kind):
            return text, pointless
    text = clean(str(cause)) or type(cause).__name__
    return f"failed ({text})", isinstance(error, ValueError) or isinstance(cause, str)


def clean(text: str) -> str:
    """Return what a server says fit to print: one short line, no control characters."""
    line = (text.strip().splitlines() or [""])[0]
    return "".join(letter for letter in line if letter.isprintable())[:200]
