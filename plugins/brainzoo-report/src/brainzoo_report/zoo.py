"""What a checkpoint of the zoo makes, for the page of a run that learned from simulated images.

Only what an installed package brings is shown: no network, and nothing is computed.
"""

from __future__ import annotations

import dataclasses
import math

from brainzoo.api import SAMPLES, BrainzooError, Images
from brainzoo_report.looks import Picture, read_picture


@dataclasses.dataclass(frozen=True)
class Beside:
    """A checkpoint and its samples."""

    name: str
    subjects: int
    data: str
    license: str
    picture: Picture


def beside(generator: str, images: Images) -> Beside | None:
    """Return the packaged checkpoint of a generator whose images are most like those of a run.

    ``None`` where no installed package brings one of the same rank.
    """
    from brainzoo.api import Entry, PackageSource, known, package_folder

    def distance(entry: Entry) -> float:
        return abs(math.log(math.prod(entry.image_shape[1:]) / max(1, math.prod(images.spatial))))

    fitting = [
        entry
        for entry in known().newest()
        if (entry.plugin, entry.spatial_dims) == (generator, images.dims)
        and entry.status == "active"
        and SAMPLES in entry.files
    ]
    for entry in sorted(fitting, key=distance):
        if not isinstance(entry.source, PackageSource):
            continue
        try:
            folder = package_folder(entry.source)
        except BrainzooError:
            continue
        picture = read_picture(folder / SAMPLES)
        if picture is not None:
            data = entry.data
            return Beside(entry.name, data.n_subjects, data.name, data.license, picture)
    return None
