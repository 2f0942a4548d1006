"""2-D measures for volumes: the three central planes of each (the "2.5-D" of GEM-3D and others)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from brainzoo.data.images import Images

PLANES = ("sagittal", "coronal", "axial")  # normal to x, y, z


def views(images: Images) -> Mapping[str, NDArray[np.float32]]:
    """Return what 2-D measures look at.

    Returns:
        ``{"": (n, channel, height, width)}`` of slices; of volumes ``(n, channel, x, y, z)`` the
        central plane normal to each axis, by the plane's name. Values in [0, 1].
    """
    if images.dims == 2:
        return {"": images.floats()}
    middle = [length // 2 for length in images.spatial]
    planes: dict[str, list[NDArray[np.float32]]] = {name: [] for name in PLANES}
    for start in range(0, len(images), 16):  # a whole set of volumes may not fit into memory
        part = images.floats(np.arange(start, min(start + 16, len(images))))
        for axis, name in enumerate(PLANES):
            planes[name].append(np.take(part, middle[axis], axis=2 + axis))
    return {name: np.ascontiguousarray(np.concatenate(parts)) for name, parts in planes.items()}
