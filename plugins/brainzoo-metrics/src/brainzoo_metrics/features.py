"""Features of images, computed once: they are kept by the images' fingerprint and the extractor.

2-D networks see volumes as their three central planes (the "2.5-D" of GEM-3D and others).
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from brainzoo.api import DataError, Images, console, home, processes, write_bytes
from brainzoo_metrics.options import INCEPTION, FeatureOptions

BATCH = 8  # the fastest on a CPU: its maps stay in the cache
PART = 32  # images that a process takes at once
PLANES = ("sagittal", "coronal", "axial")  # normal to x, y, z
FORMAT = 3
"""Raised when files or features are others than before, so that old caches are unused."""


def views(images: Images) -> Mapping[str, NDArray[np.float32]]:
    """Return what 2-D measures look at, in [0, 1]: ``{"": (n, channel, height, width)}`` of slices.

    Of volumes, the central plane normal to each axis, by the plane's name.
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


@dataclasses.dataclass(frozen=True)
class Features:
    """A network with weights, and the features that it finds in images.

    Attributes:
        pooling: ``mean`` or ``mean+max`` over the layer's map; ``none`` for VGG-16's vectors.
        weights: SHA-256 of the weights' file; ``random`` if they are random.
        network: A module: ``(batch, 1, height, width)`` in [0, 1] to ``(batch, feature, ...)``.
        options: What they were loaded with, and are by each other process that computes some.
    """

    name: str
    layer: str
    pooling: str
    weights: str
    network: Any = dataclasses.field(repr=False, compare=False)
    options: FeatureOptions = dataclasses.field(repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return _load_once, (self.options,)

    @classmethod
    def load(cls, options: FeatureOptions, *, owner: str = "EVALUATOR") -> Features:
        """Take the network's weights from a file, from an earlier download, or from the internet.

        Raises:
            BrainzooError: The weights are missing or unfit, and which option helps.
        """
        from brainzoo_metrics.extractors import network_of

        layer = options.chosen_layer
        pooling = "none" if layer.startswith(("fc", "pool")) else options.pooling
        network, weights = network_of(options, owner)
        plain = {f.name: getattr(options, f.name) for f in dataclasses.fields(FeatureOptions)}
        return cls(options.extractor, layer, pooling, weights, network, FeatureOptions(**plain))

    @property
    def random(self) -> bool:
        """Whether the weights are random: nothing measured with them says how good images are."""
        return self.weights == "random"

    @property
    def label(self) -> str:
        """What every value says of its features."""
        weights = "RANDOM WEIGHTS" if self.random else f"weights {self.weights[:12]}"
        return f"{self.name} {self.layer}, pooling {self.pooling}, {weights}"

    def __call__(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features ``(image, feature)`` of images.

        In float32: features in bf16 are off by percents. ``pixels`` are
        ``(image, channel, height, width)`` in [0, 1]; each channel is a grey image, and their
        vectors are joined.
        """
        import torch

        from brainzoo_metrics.extractors import enlarged

        if pixels.ndim != 4:
            raise DataError(
                f"features are of 2-D images, found pixels of shape {pixels.shape}; expected "
                "(image, channel, height, width)."
            )
        grey = torch.from_numpy(np.ascontiguousarray(pixels)).flatten(0, 1).unsqueeze(1)
        # cuDNN would otherwise round the products of convolutions to 10 bits (TF32).
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            grey = grey.to(next(self.network.parameters()).device)
            made = self.network(grey if self.name == INCEPTION else enlarged(grey))
            if made.ndim == 4:
                mean, most = made.mean((2, 3)), made.amax((2, 3))
                made = mean if self.pooling == "mean" else torch.cat([mean, most], 1)
            result: NDArray[np.float32] = made.reshape(len(pixels), -1).cpu().numpy()
        return result

    def of(self, images: Images, view: str | None = None) -> NDArray[np.float32]:
        """Return ``(image, feature)`` in the order of the images.

        Of images that lie in a folder, features are kept below brainzoo's home, a file for
        each folder, view and network: any selection of them takes from there what it can. Of
        volumes, ``view`` is the central plane (see :func:`views`); by default all are joined.

        Raises:
            DataError: No images, there is no such view, or features are not finite.
        """
        if view is None:
            names = PLANES if images.dims == 3 else ("",)
            return np.hstack([self.of(images, name) for name in names])
        if not len(images):
            raise DataError("there are no images to compute features of.", "Sample some.")
        if self.pooling == "mean":  # kept with the maxima, which other evaluators ask for
            options = dataclasses.replace(self.options, pooling="mean+max")  # of other processes
            twin = dataclasses.replace(self, pooling="mean+max", options=options)
            both = twin.of(images, view)
            pooled = both.reshape(len(both), images.channels, 2, -1)
            return pooled[:, :, 0].reshape(len(both), -1)
        path, places = self._cache(images, view), images.positions
        known = _read(path)  # a row for each stored image; what is not known yet is NaN
        missing = np.setdiff1d(places, np.flatnonzero(np.isfinite(known).all(axis=1)))
        if len(missing):
            _, first = np.unique(places, return_index=True)
            wanted = first[np.isin(places[first], missing)]
            made = self._compute(images[wanted], view)
            rows = max(len(known), int(places.max()) + 1)
            grown = np.full((rows, made.shape[1]), np.nan, np.float32)
            if len(known):
                grown[: len(known)] = known
            grown[places[wanted]] = made
            known = grown
            if path is not None:
                # Of two processes that add rows, the later file stays; the rest is computed again.
                write_bytes(path, save({"features": known}))
        return known[places]

    def _compute(self, images: Images, view: str) -> NDArray[np.float32]:
        def part(index: int) -> NDArray[np.float32]:
            looked_at = views(images[index * PART : (index + 1) * PART])
            if view not in looked_at:
                raise DataError(
                    f"there is no view {view!r} of {images.dims}-D images.",
                    f"Choose one of {', '.join(map(repr, looked_at))}.",
                )
            return looked_at[view]

        rows: list[NDArray[np.float32]] = []
        parts = processes.Made(-(-len(images) // PART), part)
        on_card = next(self.network.parameters()).device.type != "cpu"
        with (
            console.progress(f"features of {self.name}", len(images)) as advance,
            closing(processes.each(self._of_part, parts, usual=1 if on_card else None)) as results,
        ):
            for made in results:
                rows.append(made)
                advance(len(made))
        made = np.concatenate(rows)
        if not np.isfinite(made).all():
            raise DataError(
                f"features of {self.name} are not finite.", "Check its weights and the images."
            )
        return made

    def _of_part(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = []
        with processes.one_thread():
            for start in range(0, len(pixels), BATCH):
                # Always full batches: convolutions sum in another order for another batch size,
                # and an image's features may not depend on which others are asked for with it.
                some = pixels[start : start + BATCH]
                rows.append(self(some[np.arange(BATCH) % len(some)])[: len(some)])
        return np.concatenate(rows)

    def _cache(self, images: Images, view: str) -> Path | None:
        if images.folder is None or not images.fingerprint:
            return None  # in memory: a fingerprint, if any, may be that of what they were made of
        parts = f"{FORMAT} {self.name} {self.layer} {self.pooling} {self.weights}"
        digest = hashlib.sha256(parts.encode()).hexdigest()[:32]
        name = f"{images.fingerprint[:32]}-{digest}{view and '-'}{view}.safetensors"
        return home() / "features" / name


@functools.lru_cache(1)
def _load_once(options: FeatureOptions) -> Features:
    return Features.load(options)


def _read(path: Path | None) -> NDArray[np.float32]:
    if path is not None and path.is_file():
        try:
            return load_file(path)["features"]
        except (SafetensorError, KeyError):
            console.warn(f"{path} is damaged; its features are computed again.")
    return np.empty((0, 0), np.float32)
