"""What a checkpoint of the zoo makes, for the page of a run that learned from simulated images.

Only what an installed package brings is shown: no network, and nothing is computed.
"""

from __future__ import annotations

import math
from typing import Any

from brainzoo.api import Images, checkpoint, shipped
from brainzoo_report.looks import read_picture


def beside(generator: str, images: Images) -> dict[str, Any] | None:
    """Return the packaged checkpoint of a generator whose images are most like those of a run.

    ``None`` where no installed package brings one of the same rank.
    """
    size = math.prod(images.spatial)
    found: list[tuple[float, dict[str, Any]]] = []
    for name, folder in shipped(generator).items():
        config = checkpoint.read_config(folder)
        spatial, data = config["images"]["spatial"], config["trained_on"]
        picture = read_picture(folder / "samples.png")
        if len(spatial) == images.dims and picture is not None:
            origin = data["dataset"]
            about = {"name": name, "subjects": data["n_subjects"], "picture": picture}
            about |= {"data": origin["name"], "license": origin["license"]}
            found.append((abs(math.log(math.prod(spatial) / max(1, size))), about))
    return min(found, key=lambda pair: pair[0])[1] if found else None
