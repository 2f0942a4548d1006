"""Label maps as channels, so that any generator makes images and their label maps together.

Before training the label map of an image becomes one channel per value (one-hot, the background
first) behind the pixels' channels; after sampling the largest of them says which label a pixel has.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.common import console
from brainzoo.common.errors import DataError
from brainzoo.data.images import Images

if TYPE_CHECKING:
    from brainzoo.plugin.interfaces import Generator

MOST_LABELS = 32  # more channels than this a generator cannot be expected to learn


class PackedImages(Images):
    """Images whose label maps, the background included, are read as further channels."""

    label_channels: int
    values: Sequence[int]

    @property
    def channels(self) -> int:
        """Channels of the pixels and of the label maps."""
        return super().channels + self.label_channels

    def read(self, positions: Sequence[int] | NDArray[Any] | None = None) -> NDArray[Any]:
        """Read pixels and one-hot label maps: ``(image, channel, *spatial)`` as stored."""
        pixels, labels = super().read(positions), self.labels(positions)
        assert labels is not None
        most = 1.0 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
        labels = np.where(np.isin(labels, self.values), labels, 0)
        values = np.array([0, *self.values]).reshape(-1, *[1] * (labels.ndim - 1))
        one_hot = (labels[:, None] == values).astype(pixels.dtype) * pixels.dtype.type(most)
        return np.concatenate([pixels, one_hot], axis=1)


@functools.cache  # said once
def _say_unseen(count: int) -> None:
    console.note(
        f"the label maps hold {count} labels, and a generator takes at most {MOST_LABELS}: "
        "training without them. --data.label-values chooses some."
    )


def packed(images: Images) -> Images:
    """Return images as generators see them: label maps, if there are any, as channels.

    Maps of more than :data:`MOST_LABELS` labels, such as a parcellation, are not seen.
    """
    if images.label_names is None:
        return images
    if len(images.label_names) > MOST_LABELS:
        _say_unseen(len(images.label_names))
        return images.without_labels()
    return _with_channels(images, list(images.label_names))


def seen_by(generator: Generator, images: Images) -> Images:
    """Return images as a generator learned them: label maps, if it knows any, as channels.

    Whoever asks it for reconstructions or scores hands it the pixels of these. The images' own
    channels come first: ``made[:, : images.channels]`` is the picture without label maps. Values
    that it does not know become background.

    Raises:
        DataError: It learned label maps, and these images have none.
    """
    values = generator.label_values
    if images.label_channels or not values:
        return images
    if images.label_names is None:
        raise DataError(
            "this model was trained on images with label maps (values "
            f"{', '.join(map(str, values))}); these images have none.",
            "Prepare their label maps too (--data.labels, --data.label-values).",
        )
    return _with_channels(images, values)


def _with_channels(images: Images, values: Sequence[int]) -> Images:
    result = PackedImages.__new__(PackedImages)
    result.__dict__ = dict(images.__dict__)
    result.label_channels, result.values = 1 + len(values), list(values)
    return result


def unpacked(
    pixels: NDArray[np.float32], described: Mapping[str, Any]
) -> tuple[NDArray[np.float32], NDArray[np.uint16] | None]:
    """Return pixels ``(image, channel, *spatial)`` and label maps of what a generator drew.

    ``described`` is what the checkpoint says of its training images: ``labels`` if there were any.
    """
    values = label_values(described)
    if not values:
        return pixels, None
    count = len(values) + 1
    chosen = pixels[:, -count:].argmax(axis=1)
    return pixels[:, :-count], np.array([0, *values], np.uint16)[chosen]


def label_values(described: Mapping[str, Any]) -> list[int]:
    """Return the values of the label maps that images of a checkpoint have, without background."""
    return [int(value) for value in described.get("labels") or {}]
