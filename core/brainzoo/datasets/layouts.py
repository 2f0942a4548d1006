"""Data sets that people know: how their files become channels, label maps and people.

A layout is a section of ``layouts.toml``. The next data set is one more of them.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainzoo.datasets.names import Name


@dataclasses.dataclass(frozen=True)
class Layout:
    """A declaration of a data set.

    Attributes:
        files: Regular expressions of paths below the root, with the named groups ``subject`` and
            ``image``, and where there are any ``visit`` and ``detail`` (runs).
        channels: Spellings of the group ``image`` by channel, the preferred first.
        labels: Spellings of the group ``image`` that are label maps, the best first.
        number: How the table's ids that are bare numbers are written, as a format: ``IXI{:03d}``.
        ids: Whether ids may themselves hold visits or contrasts, and are read as any name.
        columns: Names of the table's columns, in small letters and ``_``, by what they hold:
            ``id``, ``visit``, ``age``, ``sex``, ``site``, ``class``.
        codes: What a column's codes mean, by what it holds.
        only_columns: Whether nothing else of the table is read.
        tables: Names of tables that are looked for below the root, as globs.
    """

    name: str
    summary: str = ""
    files: Sequence[str] = ()
    channels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    labels: Sequence[str] = ()
    masks: Sequence[str] = ()
    label_names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    number: str = ""
    only_columns: bool = False
    ids: bool = False
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    codes: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    tables: Sequence[str] = ()
    license: str = "unknown"
    citation: str = ""
    url: str = ""

    def read(self, place: str) -> Name | None:
        """Return what a path below the root says; ``None`` if it does not fit the layout."""
        from brainzoo.datasets.names import Name, channel_name, read_part  # lists need none of it

        matches = (re.search(pattern, place, re.IGNORECASE) for pattern in self.files)
        match = next(filter(None, matches), None)
        if match is None:
            return None
        parts = {name: text or "" for name, text in match.groupdict().items()}
        image = parts.get("image", "").lower()
        person, visit, detail = parts["subject"], parts.get("visit", ""), parts.get("detail", "")
        if self.ids:
            inner = read_part(person)
            person, detail = inner.person or person, "_".join(filter(None, [inner.detail, detail]))
            visit = visit or inner.visit
        kind, channel = "scan", channel_name(image) if image else ""
        known = [name for name, words in self.channels.items() if image in words.lower().split()]
        if image in map(str.lower, self.labels):
            kind, channel = "label", ""
        elif image in map(str.lower, self.masks):
            kind, channel = "mask", ""
        elif known or (self.channels and image):
            kind, channel = ("scan", known[0]) if known else ("other", "")
        return Name(person, visit, detail, channel, kind, image, study=not self.ids)

    def rank(self, word: str) -> int:
        """Return how good a spelling is among those of its channel or of label maps."""
        for words in (*map(str.split, self.channels.values()), self.labels):
            if word in (lower := [each.lower() for each in words]):
                return lower.index(word)
        return 0


_CONTENT = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
LAYOUTS = {name: Layout(name, **section) for name, section in _CONTENT.items()}
RECOGNISED = ("nnunet", "ixi", "brats", "oasis", "hcp", "freesurfer")
"""Those with telling file names; tried for any folder."""


def recognised(places: Sequence[str]) -> Layout | None:
    """Return the layout that most files of a folder fit, if there is one."""
    for layout in map(LAYOUTS.__getitem__, RECOGNISED):
        fitting = [name for place in places if (name := layout.read(place))]
        if len(fitting) > 0.6 * len(places) and any(name.kind == "scan" for name in fitting):
            return layout
    return None
