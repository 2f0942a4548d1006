"""The options of the dataset and the exporter."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from brainzoo.api import OptionError, option


@dataclasses.dataclass(frozen=True)
class DicomConfig:
    """Options of the dataset ``dicom``."""

    root: Path | None = option(None, "The folder that holds the series, at any depth.")
    channels: tuple[str, ...] = option(
        (), "Which contrasts, for example T1w,FLAIR; all that are found by default."
    )
    series: tuple[str, ...] = option(
        (),
        "Which series is which channel, by a word or pattern of its description, or by its number: "
        "T1w=MPRAGE,FLAIR=*flair*. Known by words and sequence parameters by default.",
        metavar="NAME=WORD,...",
    )
    repeats: bool = option(
        False, "Keep all series of one contrast in a study as scans; by default the finest one."
    )
    person: str = option(
        "id",
        "Who is one person: a PatientID, a folder right below the root, or a study.",
        choices=("id", "folder", "study"),
    )
    license: str = option("unknown", "The licence of the scans, for the record.")
    citation: str = option("", "How to cite the scans.")

    def __post_init__(self) -> None:
        for text in self.series:
            name, _, word = text.partition("=")
            if not name.strip() or not word.strip():
                raise OptionError(
                    f"series holds {text!r}; expected a channel and a word of the description.",
                    "For example: --data.series T1w=MPRAGE,FLAIR=*flair*",
                )


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """Options of the exporter ``dicom``."""

    limit: int | None = option(None, "Write only the first images, this many.", minimum=1)
    labels: bool = option(True, "Also write label maps, as DICOM SEG; needs highdicom.")
    enhanced: bool = option(
        False, "Write one enhanced multi-frame file a channel, in place of a file a slice."
    )
