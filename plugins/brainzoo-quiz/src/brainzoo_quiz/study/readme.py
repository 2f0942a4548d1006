"""``README.txt`` of a study folder: what is what, and what may be handed out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from brainzoo_quiz.study.key import Key
from brainzoo_quiz.study.package import Package

TEXT = """\
{title}
A reader study made by brainzoo-quiz.

KEEP FOR YOURSELF
  key.json     which image is real. Whoever has it can tell; without it nobody can score.
               Keep a copy in a safe place.
  audit.json   what was drawn, and what could give the truth away and was looked for.
  README.txt   this text.

HAND OUT
{pages}  server/      not for readers: `brainzoo quiz serve` shows the study from it. It holds no
               truth of the test; it may lie on a server without the key.

The commitment, which every reader sees before the start; publish it, and later the key, and
everybody can check that the truth was not changed afterwards:
  {commitment}

THEN
  brainzoo quiz score answers/*.json --key key.json --html score.html

WHAT WAS CHECKED
{notes}
"""

PAGES = """\
  pages/       one page a reader, reader-01 for R1 and so on. It opens in a browser by a double
               click and needs no network; the reader sends back the file that it saves.
"""
NO_PAGES = """\
  pages/       there are none: the images are too large for a page; use `brainzoo quiz serve`.
"""


def readme(package: Package, key: Key, notes: Sequence[str], *, pages: bool) -> str:
    """Return the text.

    Args:
        package: The study.
        key: Its key, for the commitment.
        notes: What was audited, as sentences; nothing of how many are real.
        pages: Whether there are static pages.
    """
    bullets = (
        textwrap.fill(note, 96, initial_indent="- ", subsequent_indent="  ") for note in notes
    )
    return TEXT.format(
        title=package.title,
        pages=PAGES if pages else NO_PAGES,
        commitment=key.commitment,
        notes="\n".join(bullets),
    )
