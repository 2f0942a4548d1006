"""The dataset ``fastmri``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from brainzoo.api import DataError, Dataset, NotFoundError, OptionError, Subject, Volume
from brainzoo_fastmri.config import CHANNELS, FastMriConfig
from brainzoo_fastmri.files import FastMriVolume, about


class FastMri(Dataset):
    """The brain volumes of fastMRI; contrasts of one person are one scan."""

    config: FastMriConfig

    license = "fastMRI data use agreement: no redistribution"
    citation = (
        "Knoll F, Zbontar J, Sriram A, et al. (2020). fastMRI: A Publicly Available Raw k-Space "
        "and DICOM Dataset of Knee Images for Accelerated MR Image Reconstruction Using Machine "
        "Learning. Radiology: Artificial Intelligence 2:e190007. "
        "https://doi.org/10.1148/ryai.2020190007; Zbontar J, et al., arXiv:1811.08839"
    )
    url = "https://fastmri.med.nyu.edu"

    @property
    def channels(self) -> tuple[str, ...]:  # type: ignore[override]
        """The contrasts that were asked for."""
        return self.config.channels

    def subjects(self) -> Iterator[Subject]:
        """Yield the scans in the order of pseudonyms; a contrast taken twice is another scan.

        Raises:
            OptionError: No folder was given.
            NotFoundError: It is not there.
            DataError: It holds no volumes of the channels, or a file cannot be read.
        """
        root = self.config.root
        if root is None:
            raise OptionError("dataset 'fastmri' needs a folder.", "Give it with --data.root.")
        root = root.expanduser()
        if not root.is_dir():
            raise NotFoundError(f"there is no folder {root}.", "Check --data.root.")
        people = self._people(root)
        for person, channels in sorted(people.items()):
            for number in range(max(map(len, channels.values()))):
                files = {
                    c: channels[c][number] for c in CHANNELS if len(channels.get(c, [])) > number
                }
                images: dict[str, Path | Callable[[], Volume]] = {
                    channel: FastMriVolume(path, self.config.orientation)
                    for channel, path in files.items()
                }
                stamps = ((path.absolute(), path.stat()) for path in files.values())
                key = [f"{p} {s.st_size} {s.st_mtime_ns}" for p, s in stamps]
                several = max(map(len, channels.values())) > 1
                yield Subject(
                    person,
                    images,
                    scan=f"run-{number + 1}" if several else "",
                    key="; ".join([*key, self.config.orientation]),
                )

    def _people(self, root: Path) -> dict[str, dict[str, list[Path]]]:
        """Return the files of each person by channel."""
        wanted = self.channels or CHANNELS
        people: dict[str, dict[str, list[Path]]] = {}
        left_out: Counter[str] = Counter()
        files = sorted(p for p in root.rglob("*.h5") if p.is_file() and p.name[0] != ".")
        for path in files:
            found = about(path)
            if found.missing or found.channel not in wanted:
                left_out[found.missing or found.channel] += 1
                continue
            people.setdefault(found.person, {}).setdefault(found.channel, []).append(path)
        if left_out:
            counts = (f"{count} {what}" for what, count in left_out.most_common(6))
            self.understood["left out"] = ", ".join(counts)
        if not people:
            raise DataError(
                f"no brain volumes of {', '.join(wanted)} below {root}: "
                + (f"found {self.understood['left out']}." if files else "it has no .h5 files."),
                "Check --data.root and --data.channels.",
            )
        return people
