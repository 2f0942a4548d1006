"""What must not leave: paths of a machine, identifiers of people, dates and times.

Training subjects are found exactly: a checkpoint holds salted hashes of their ids, so every word of
every file is hashed and compared. Patterns catch what else looks like an id.
"""

from __future__ import annotations

import hashlib
import itertools
import mmap
import re
from collections.abc import Collection, Iterator

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_TH = "(?:st|nd|rd|th)?"

TEXT = tuple(
    (what, re.compile(pattern))
    for what, patterns in {
        "a path of a machine": (
            r"(?<![\w/.~<-])/(?:[\w.@+-]+/)+[\w.@+-]*",
            r"(?<!\w)(?:[A-Za-z]:\\|\\\\\w|file:/|~/)[^\s\"']+",
        ),
        "what looks like a subject": (
            r"(?i)\bIXI\d{3}\b[\w-]*",
            r"\bsub-(?=[a-zA-Z]*\d)[A-Za-z0-9]+\b",
            r"\b\d{3}_S_\d{4}\b|\bOAS[123]_?\d{4}\w*",
            r"(?i)\b(?:patient|subject|mrn)[_-]?\d+\b",
            r"(?i)\bmrn[ :#_-]{1,3}\d+\b",
        ),
        "a DICOM identifier": (r"(?<![\w.])[0-2](?:\.\d+){6,}(?![\w.])",),
        "a date of birth": (r"(?i)\b(?:date.?of.?birth|birth.?date|dob)\b",),
        "a date": (
            r"(?<!\d)(?:19|20)\d\d[-/][01]?\d[-/][0-3]?\d(?!\d)",
            r"(?<!\d)(?:19|20)\d\d([._])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d)",
            r"(?<![\w.])[0-3]?\d[./-][01]?\d[./-](?:19|20)\d\d(?!\.?\w)",
            rf"(?i)(?<!\d)[0-3]?\d{_TH}[ ._-]{{0,2}}{_MONTH}[ ,._-]{{0,2}}(?:19|20)\d\d(?!\d)",
            rf"(?i)(?<![a-z]){_MONTH}[ ._-]{{0,2}}[0-3]?\d{_TH}[ ,._-]{{1,2}}(?:19|20)\d\d(?!\d)",
            # Not within the hexadecimal digits of a digest, nor behind a decimal point.
            (
                r"(?<![0-9a-fA-F.])(?:19|20)\d\d(?:0[1-9]|1[0-2])"
                r"(?:0[1-9]|[12]\d|3[01])(?![0-9a-fA-F]|\.\d)"
            ),
        ),
        "a time": (r"(?<![\d:])(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?![\d:])",),
    }.items()
    for pattern in patterns
)

BYTES = re.compile(rb"IXI\d{3}-\w+-\d{4}|/(?:home|Users|mnt|media|root)/[\w.@-]+/|[A-Z]:\\Users\\")
"""For binary files: long enough that weights do not hold them by chance."""

PIXELS = {b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"gAMA", b"sRGB", b"pHYs", b"cHRM", b"sBIT", b"IEND"}
"""The chunks of a PNG file that say nothing but how pixels look."""

MOST = 5
"""How many findings of one kind are named in a file."""


def leaks_of_text(text: str, salt: str, subjects: Collection[str]) -> Iterator[str]:
    """Yield what a text holds that must not leave; ``subjects`` are salted SHA-256 of ids."""
    named = [word for word in sorted(set(_words(text))) if _hash(salt, word) in subjects]
    yield from (f"names the training subject {word!r}" for word in named[:MOST])
    seen: set[str] = set()
    for what, pattern in TEXT:
        for match in itertools.islice(pattern.finditer(text), MOST):
            found = match[0][:60]
            if found not in seen and found not in named:
                seen.add(found)
                yield f"holds {what}: {found!r}"


def leaks_of_bytes(content: bytes | mmap.mmap) -> Iterator[str]:
    """Yield what a binary file holds that must not leave."""
    for match in itertools.islice(BYTES.finditer(content), MOST):
        yield f"holds {match[0][:60].decode(errors='replace')!r}"


def more_than_pixels(content: bytes) -> str:
    """Return how a PNG file's content is more than a picture, or nothing."""
    at, kind = 8, b""
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        return "is not a PNG"
    while at + 12 <= len(content) and kind != b"IEND":
        length, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        at += 12 + length
        if kind not in PIXELS:
            return f"holds more than pixels: a {kind.decode('latin-1')!r} chunk"
    return "" if at == len(content) else "is cut off, or holds more than a picture"


def _words(text: str) -> Iterator[str]:
    """Yield what may be an id: words, and their beginnings up to a hyphen, underscore or dot."""
    for word in set(re.findall(r"[\w.-]{3,200}", text)):
        parts = re.split(r"(?<=[-_.])|(?=[-_.])", word)
        for begin in range(len(parts)):
            for end in range(begin + 1, min(len(parts), begin + 9) + 1):
                candidate = "".join(parts[begin:end]).strip("._-")
                short = candidate.isdigit() and len(candidate) < 5
                if len(candidate) >= 3 and not short:
                    yield candidate


def _hash(salt: str, word: str) -> str:
    return hashlib.sha256(f"{salt}{word}".encode()).hexdigest()
