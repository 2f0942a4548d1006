"""The options of the core's datasets; imports nothing heavy."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from brainzoo.common.errors import OptionError
from brainzoo.plugin.options import option


@dataclasses.dataclass(frozen=True)
class FolderConfig:
    """Options of the dataset ``folder``."""

    root: Path | None = option(None, "The folder that holds the scans, at any depth.")
    table: Path | None = option(
        None, "CSV or TSV of ages, sexes, ...; participants.csv/.tsv in the root by default."
    )
    pattern: str = option("*", "Take only files whose name fits, e.g. '*T1*'.", metavar="GLOB")
    subject_pattern: str | None = option(
        None,
        "Regular expression whose group is the subject id, sought in the file name, then in the "
        "path below the root; by default sub-XXX, IXI123, else the name without its ending. Needed "
        "for pictures that are told apart by a bare number.",
        metavar="REGEX",
    )
    masks: str | None = option(
        None, "A folder of brain masks, or what the mask's name adds to the scan's, e.g. _mask."
    )
    class_folders: str = option(
        "auto",
        "Whether the folders below the root are classes; auto: for pictures of slices.",
        choices=("auto", "yes", "no"),
    )
    follow_links: bool = option(False, "Also take links that lead outside the root.")
    modality: str = option("T1w", "What the scans are, for the record.")
    license: str = option("unknown", "The licence of the scans, for the record.")
    citation: str = option("", "How the scans are to be cited, for the record.")

    def __post_init__(self) -> None:
        if self.subject_pattern is None:
            return
        try:
            groups = re.compile(self.subject_pattern).groups
        except (re.error, OverflowError, RecursionError) as error:
            raise OptionError(
                f"subject_pattern {self.subject_pattern!r} is no regular expression: {error}."
            ) from error
        if groups == 0:
            raise OptionError(
                f"subject_pattern {self.subject_pattern!r} has no group for the subject id.",
                "Put the id into parentheses, for example '^(P[0-9]+)_'.",
            )


@dataclasses.dataclass(frozen=True)
class BidsConfig:
    """Options of the dataset ``bids``."""

    root: Path | None = option(None, "The BIDS dataset's folder: the one that holds sub-*.")
    table: Path | None = option(None, "Another table than participants.tsv.")
    modality: str = option("T1w", "The BIDS suffix of the scans: T1w, T2w, FLAIR, ...")
    follow_links: bool = option(False, "Also take links that lead outside the root.")

    def __post_init__(self) -> None:
        if not self.modality.isalnum():
            raise OptionError(
                f"modality {self.modality!r} is no BIDS suffix; expected letters and digits."
            )


@dataclasses.dataclass(frozen=True)
class IxiConfig:
    """Options of the dataset ``ixi``."""

    root: Path | None = option(
        None, "A local copy, flat or as unpacked; downloaded if it is not given."
    )
    modality: str = option(
        "T1",
        "Which scans; of DTI the volume without diffusion weighting.",
        choices=("T1", "T2", "PD", "MRA", "DTI"),
    )
    table: Path | None = option(
        None, "IXI.xls, IXI.csv or a table like it; found in the root by default."
    )
    mirror: str | None = option(
        None, "Try this address first; it holds IXI-T1.tar, IXI.xls, ...", metavar="URL"
    )
