"""The dataset ``openneuro``: fetched file by file, then read as any BIDS dataset."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

from brainzoo.api import (
    DataError,
    Dataset,
    OptionError,
    Subject,
    console,
    dataset,
    download,
    home,
)
from brainzoo_openneuro.config import OpenNeuroConfig
from brainzoo_openneuro.listing import Listed, address, listed


class OpenNeuro(Dataset):
    """The anatomical scans of a dataset of OpenNeuro.

    Citation and address are those that its ``dataset_description.json`` states; so is another
    licence than that of OpenNeuro.
    """

    config: OpenNeuroConfig
    license = "CC0"

    @property
    def folder(self) -> Path:
        """Where the dataset lies once it is downloaded.

        Raises:
            OptionError: No dataset was named.
        """
        if not self.config.id:
            raise OptionError(
                "dataset 'openneuro' needs a number.", "For example --data.id ds002748."
            )
        return home() / "downloads" / "openneuro" / self.config.id

    @property
    def channels(self) -> tuple[str, ...]:  # type: ignore[override]
        """The suffixes that were asked for."""
        return self.config.channels

    def download(self) -> None:
        """Fetch the scans of the channels and the tables, unless they are there.

        Raises:
            NotFoundError: OpenNeuro has no such dataset.
            NetworkError: The server cannot deliver; what has arrived is kept for the next time.
            IntegrityError: What arrived is not what the server's list says.
            DiskError: There is too little space.
            DataError: The dataset has no scans of the channels.
        """
        config, folder = self.config, self.folder
        wanted = self._wanted(listed(config.server, config.id, folder))
        missing = [file for file in wanted if not (folder / file.name).is_file()]
        if not missing:
            return
        total = sum(file.size for file in wanted)
        done = total - sum(file.size for file in missing)
        title = f"{config.id}, {len(wanted)} files"
        with console.progress(title, total, done=done, unit="bytes") as advance:
            for file in missing:
                url = address(config.server, config.id, file.name)
                place = folder / file.name
                place.parent.mkdir(parents=True, exist_ok=True)
                remote = download.Remote(place.name, (url,), md5=file.md5, size=file.size)
                download.download(remote, place.parent)
                advance(file.size)

    def subjects(self) -> Iterator[Subject]:
        """Yield the scans in the order of subjects and sessions.

        Raises:
            DataError: The dataset was not downloaded.
        """
        if not self.folder.is_dir():
            raise DataError(f"{self.config.id} has not been downloaded to {self.folder}.")
        people = {file.subject for file in self._wanted(self._listed()) if file.subject}
        for subject in self._bids.subjects():
            if subject.id in people:
                yield subject
        bids = self._bids
        self.understood, self.title, self.citation = bids.understood, bids.title, bids.citation
        self.license = self.license if bids.license == "unknown" else bids.license
        self.url = bids.url or f"https://openneuro.org/datasets/{self.config.id}"

    def _listed(self) -> list[Listed]:
        return listed(self.config.server, self.config.id, self.folder)

    def _wanted(self, files: list[Listed]) -> list[Listed]:
        """Return the tables and the scans of the channels, of the first people."""
        scans = [file for file in files if file.suffix in self.channels]
        if not scans:
            there = sorted({file.suffix for file in files if file.suffix})
            raise DataError(
                f"{self.config.id} has no {', '.join(self.channels)} scans"
                + (f"; there are {', '.join(there)}." if there else ", nor any other anatomy."),
                "Choose with --data.channels." if there else "",
            )
        people = list(dict.fromkeys(file.subject for file in scans))[: self.config.people]
        of_all = [file for file in files if not file.subject]
        about = [f for f in files if f.subject in people and (not f.suffix or f in scans)]
        return [*of_all, *about]

    @functools.cached_property
    def _bids(self) -> Dataset:
        config = self.config
        return dataset("bids", root=self.folder, channels=config.channels, table=config.table)
