"""What to draw, and the generator that draws it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo import checkpoint as checkpoints
from brainzoo.common.version import __version__
from brainzoo.data.images import Images
from brainzoo.data.packing import label_values, unpacked
from brainzoo.data.pixels import from_floats
from brainzoo.data.subjects import Value
from brainzoo.data.tables import Row
from brainzoo.plugin.interfaces import Generator, expect_range
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.options import plain, sampling_options

BATCH = {2: 64, 3: 8}
"""Images that are drawn, written and noted at once, by spatial rank."""
ROWS = 1024  # of the table, made at once
LARGE = 2**22
"""Voxels of a batch of large volumes, which take minutes each."""


@dataclasses.dataclass(frozen=True)
class Request:
    """What to draw; other processes get a copy.

    ``condition`` is ``{"class": "old"}``, for example; empty draws conditions as in training.
    ``sampling`` are options of the generator that act when images are drawn; those of the
    checkpoint if not given. ``batch_size`` is how many are drawn at once; it changes no image.
    ``device`` is where they are drawn.
    """

    checkpoint: Path
    n: int
    seed: int = 0
    condition: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    sampling: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    batch_size: int | None = None
    device: str = "auto"


class Source:
    """A loaded generator that draws what was asked for.

    ``info`` is what ``images.json`` says of the images, ``shape`` the ``(channel, *spatial)`` of
    one, without its label map, ``batch_size`` how many are drawn at once. ``generator`` is the
    checkpoint's, if it is loaded already.
    """

    def __init__(self, request: Request, generator: Generator | None = None) -> None:
        self._request = request
        config = checkpoints.read_config(request.checkpoint)
        self._generator = generator or checkpoints.load(request.checkpoint, **request.sampling).to(
            request.device
        )
        condition = dict(request.condition) or None
        self._how: dict[str, Any] = {"seed": request.seed, "condition": condition}
        self._generator.conditions(1, **self._how)  # refuses what it does not know
        acting = sampling_options(type(self._generator.config))
        drawn = self._generator.drawn_as(condition)
        spatial = drawn.pop("spatial", config["images"]["spatial"])
        self.info: dict[str, Any] = {
            **config["preprocessing"],
            **drawn,
            "source": config["trained_on"].get("dataset", {}),
            "classes": config["images"]["classes"],
            "class_expressions": config["trained_on"].get("class_expressions", {}),
            "synthetic": True,
            "generator": {k: config["plugin"].get(k) for k in ("name", "distribution", "version")},
            "checkpoint_sha256": config["weights"]["sha256"],
            "seed": request.seed,
            "condition": dict(request.condition),
            "sampling": {k: v for k, v in plain(self._generator.config).items() if k in acting},
        }
        values = label_values(config["preprocessing"])
        channels = config["images"]["channels"] - (len(values) + 1 if values else 0)
        self.shape: tuple[int, ...] = (channels, *spatial)
        most = max(1, LARGE // math.prod(spatial))
        batch_size = request.batch_size or min(BATCH[len(spatial)], most)
        chunk = getattr(self._generator, "sample_chunk", 1)  # what part of it takes as long
        self.batch_size = -(-batch_size // chunk) * chunk

    def record(self) -> dict[str, Any]:
        """Return all that decides the images, ready for JSON."""
        name = str(self.info["generator"]["name"])
        return {
            "n": self._request.n,
            **self.info,
            "installed": {
                "brainzoo": __version__,
                name: plugins().of("generator", name).version,
            },
        }

    def draw(self, span: range) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield batches of the images of a span: the first one's index, and pixels."""
        at = span.start
        for pixels in self._generator.sample(
            len(span), start=at, batch_size=self.batch_size, **self._how
        ):
            expect_range(pixels)
            yield at, pixels
            at += len(pixels)

    def rows(self, span: range) -> Iterator[Row]:
        """Yield the table rows of a span, as often as they are asked for."""
        for at in range(span.start, span.stop, ROWS):
            some = range(at, min(at + ROWS, span.stop))
            drawn = self._generator.conditions(len(some), start=at, **self._how)
            yield from ({"image_id": f"{i:06d}", **r} for i, r in zip(some, drawn, strict=True))

    def images(self, span: range) -> Images:
        """Return the images of a span in memory, as a folder would hold them."""
        drawn = np.concatenate([pixels for _, pixels in self.draw(span)])
        pixels, labels = unpacked(drawn, self.info)
        stored = from_floats(pixels, "uint16")
        return Images(stored, list(self.rows(span)), self.info, labels=labels)
