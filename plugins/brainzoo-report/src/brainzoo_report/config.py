"""The options of the exporter ``report``."""

from __future__ import annotations

import dataclasses

from brainzoo.api import option


@dataclasses.dataclass(frozen=True)
class ReportConfig:
    """Options of the exporter ``report``."""

    real: bool = option(True, "Show real images: scans of people, if the data are.")
    images: int = option(64, "Images in each of the two grids at most.", minimum=1, maximum=400)
    frames: int = option(30, "Pictures of the film at most.", minimum=2, maximum=200)
