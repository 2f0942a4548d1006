"""Features of images, computed once: they are kept by the images' fingerprint and the extractor.

2-D networks see volumes as their three central planes (the "2.5-D" of GEM-3D and others).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.checkpoint.weights_file import read_arrays, write_arrays
from brainzoo.common import console
from brainzoo.common.errors import BrainzooError, DataError
from brainzoo.common.files import write_bytes
from brainzoo.common.home import home
from brainzoo.data.images import Images
from brainzoo.evaluating.options import FeatureOptions

if TYPE_CHECKING:
    from brainzoo.evaluating.extractors import Extractor

BATCH = 8  # the fastest on a CPU: its maps stay in the cache
PLANES = ("sagittal", "coronal", "axial")  # normal to x, y, z


@dataclasses.dataclass(frozen=True)
class Features:
    """A network with weights, and the features that it finds in images.

    Attributes:
        extractor: The network.
    """

    extractor: Extractor

    @classmethod
    def load(cls, options: FeatureOptions, *, owner: str = "EVALUATOR") -> Features:
        """Take the network's weights from a file, from an earlier download, or from the internet.

        Args:
            options: Which network, layer, pooling and weights.
            owner: The evaluator's name, so that an error names its option.

        Raises:
            BrainzooError: The weights are missing or unfit, and which option helps.
        """
        from brainzoo.evaluating.extractors import extractor

        return cls(extractor(options, owner=owner))

    @property
    def label(self) -> str:
        """What every value says of its features."""
        return self.extractor.label

    @property
    def random(self) -> bool:
        """Whether the weights are random: then nothing measured says how good images are."""
        return self.extractor.random

    @property
    def network(self) -> Any:
        """The ``torch.nn.Module``, for losses."""
        return self.extractor.network

    def of(self, images: Images, view: str | None = None) -> NDArray[np.float32]:
        """Return ``(image, feature)``: of one of the :func:`views`, or of all of them joined."""
        names = list(PLANES if images.dims == 3 else [""]) if view is None else [view]
        return np.hstack([features_of(self.extractor, images, name) for name in names])


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


def features_of(extractor: Extractor, images: Images, view: str = "") -> NDArray[np.float32]:
    """Return the features of images.

    Of images that lie in a folder, features are kept below brainzoo's home, a file for
    each folder, view and extractor: any selection of them takes from there what it can.

    Args:
        extractor: Of :func:`brainzoo.evaluating.extractors.extractor`.
        images: Real or synthetic.
        view: Of volumes, the central plane: one of the names of :func:`views`.

    Returns:
        ``(image, feature)`` in the order of the images.

    Raises:
        DataError: No such view, or features are not finite.
    """
    if not len(images):
        raise DataError("there are no images to compute features of.", "Sample or prepare some.")
    path = _cache(extractor, images, view)
    places = images.positions
    known = _read(path)
    missing = np.setdiff1d(places, known[0])
    if len(missing):
        _, first = np.unique(places, return_index=True)
        wanted = first[np.isin(places[first], missing)]
        made = _compute(extractor, images[wanted], view)
        known = _joined(known, (places[wanted], made))
        if path is not None:
            _write(path, known)
    order = np.searchsorted(known[0], places)
    return known[1][order]


def _compute(extractor: Extractor, images: Images, view: str) -> NDArray[np.float32]:
    rows = []
    with console.progress(f"features of {extractor.name}", len(images)) as advance:
        for start in range(0, len(images), BATCH):
            looked_at = views(images[start : start + BATCH])
            if view not in looked_at:
                raise DataError(
                    f"there is no view {view!r} of {images.dims}-D images.",
                    f"Choose one of {', '.join(map(repr, looked_at))}.",
                )
            pixels = looked_at[view]
            # Always full batches: convolutions sum in another order for another batch size, and
            # an image's features may not depend on which others are asked for with it.
            full = pixels[np.arange(BATCH) % len(pixels)]
            rows.append(extractor(full)[: len(pixels)])
            advance(len(pixels))
    made = np.concatenate(rows)
    if not np.isfinite(made).all():
        raise DataError(
            f"features of {extractor.name} are not finite.", "Check its weights and the images."
        )
    return made


Known = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Positions of stored images, ascending, and the features of each."""


def _joined(known: Known, new: Known) -> Known:
    if not len(known[0]):
        known = new
    else:
        known = (np.concatenate([known[0], new[0]]), np.concatenate([known[1], new[1]]))
    order = np.argsort(known[0])
    return known[0][order], known[1][order]


def _cache(extractor: Extractor, images: Images, view: str) -> Path | None:
    if images.folder is None or not images.fingerprint:
        return None  # made in memory: a fingerprint, if any, may be that of what they were made of
    name = f"{images.fingerprint[:32]}-{extractor.digest[:32]}{view and '-'}{view}.safetensors"
    return home() / "features" / name


def _read(path: Path | None) -> Known:
    if path is not None and path.is_file():
        try:
            arrays = read_arrays(path)
            return arrays["positions"], arrays["features"]
        except (BrainzooError, KeyError):
            console.warn(f"{path} is damaged; its features are computed again.")
    return np.empty(0, np.int64), np.empty((0, 0), np.float32)


def _write(path: Path, known: Known) -> None:
    # Two processes may each add rows: the later file stays, and what it lacks is computed again.
    write_bytes(path, write_arrays({"positions": known[0].astype(np.int64), "features": known[1]}))
