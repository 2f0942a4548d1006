"""The options of the core's datasets; imports nothing heavy."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from brainzoo.common.errors import OptionError
from brainzoo.plugin.options import option


@dataclasses.dataclass(frozen=True)
class KnownConfig:
    """Options of the datasets whose layout is known: ``brats``, ``oasis``, ``abide``, ..."""

    root: Path | None = option(None, "The folder that holds the scans, at any depth.")
    channels: tuple[str, ...] = option((), "Which contrasts, for example T1,FLAIR; all by default.")
    labels: str | None = option(
        None,
        "Which label maps, by a word in their names, where there are several kinds.",
        metavar="WORD",
    )
    table: Path | None = option(
        None, "CSV, TSV or .xls of ages, sexes, ...; found in the root by default."
    )
    partial: bool = option(
        False, "Go on where scans are missing: links to nowhere, as git-annex leaves them."
    )
    follow_links: bool = option(False, "Also take links that lead outside the root.")


@dataclasses.dataclass(frozen=True)
class FolderConfig(KnownConfig):
    """Options of the dataset ``folder``."""

    pattern: str = option("*", "Take only files whose name fits, e.g. '*T1*'.", metavar="GLOB")
    subject_pattern: str | None = option(
        None,
        "Regular expression whose group is the subject id (also named subject, session, channel), "
        "sought in the file name, then in the path below the root. By default visits, runs and "
        "contrasts are taken out of the name, and the rest is the person.",
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
    license: str = option("unknown", "The licence of the scans, for the record.")
    citation: str = option("", "How to cite the scans.")

    def __post_init__(self) -> None:
        if self.subject_pattern is not None:
            subject_regex(self.subject_pattern, "subject_pattern")


def subject_regex(pattern: str, name: str) -> re.Pattern[str]:
    """Return a regular expression of the user's, which has a group for the subject."""
    try:
        found = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise OptionError(f"{name} {pattern!r} is not a regular expression: {error}.") from error
    if not found.groups:
        raise OptionError(
            f"{name} {pattern!r} has no group for the subject id.",
            "Put the id into parentheses, for example '^(P[0-9]+)_'.",
        )
    return found


@dataclasses.dataclass(frozen=True)
class BidsConfig(KnownConfig):
    """Options of the dataset ``bids``."""

    root: Path | None = option(None, "The BIDS dataset's folder: the one that holds sub-*.")
    channels: tuple[str, ...] = option(
        ("T1w",), "The BIDS suffixes of the scans: T1w, T2w, FLAIR, ..."
    )


@dataclasses.dataclass(frozen=True)
class IxiConfig(KnownConfig):
    """Options of the dataset ``ixi``."""

    root: Path | None = option(
        None, "A local copy, flat or as unpacked; downloaded if it is not given."
    )
    channels: tuple[str, ...] = option(
        ("T1",),
        "Which scans: T1, T2, PD, MRA, DTI (its volume without diffusion weighting).",
        choices=("T1", "T2", "PD", "MRA", "DTI"),
    )
    mirror: str | None = option(
        None, "Try this address first; it holds IXI-T1.tar, IXI.xls, ...", metavar="URL"
    )
