"""The options of the dataset ``openneuro``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from brainzoo.api import OptionError, option

SERVER = "https://s3.amazonaws.com/openneuro.org"
"""OpenNeuro's public bucket."""


@dataclass(frozen=True)
class OpenNeuroConfig:
    """Which dataset, and which of its scans."""

    id: str = option("", "The accession number, for example ds002748.", metavar="dsNNNNNN")
    channels: tuple[str, ...] = option(
        ("T1w",), "The BIDS suffixes of the scans: T1w, T2w, FLAIR, ..."
    )
    people: int | None = option(None, "Fetch only the first so many people.", minimum=1)
    table: Path | None = option(None, "Another table than participants.tsv.")
    server: str = option(SERVER, "Another address with the layout of S3.", metavar="URL")

    def __post_init__(self) -> None:
        if self.id and not re.fullmatch(r"ds\d{6}", self.id):
            raise OptionError(
                f"id {self.id!r} is not an accession number of OpenNeuro.",
                "They look like ds002748: two letters and six digits.",
            )
        if not re.match(r"https?://[^/]", self.server):
            raise OptionError(
                f"server {self.server!r} is not an address; expected https://..., or http://...."
            )
        bad = [channel for channel in self.channels if not re.fullmatch(r"[A-Za-z0-9]+", channel)]
        if bad or not self.channels:
            raise OptionError(
                f"channels are {','.join(self.channels) or 'none'}; expected BIDS suffixes, for "
                "example T1w,FLAIR."
            )
