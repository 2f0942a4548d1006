"""Images as a torch ``Dataset``: synthetic ones to train on directly, mixed with real ones or not.

Synthetic images are drawn once and kept in the cache as :class:`brainzoo.Images`, so that epochs
and workers read them instead of drawing them again: an index is the same image in every process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from brainzoo.common import console
from brainzoo.common.errors import OptionError
from brainzoo.data.images import Images
from brainzoo.data.tables import Row
from brainzoo.plugin.options import nearest

Target = str | Callable[[Row], float]
Transform = Callable[[torch.Tensor], Any]


class TorchImages(Dataset[tuple[Any, torch.Tensor]]):
    """What :func:`as_torch` returns: item ``i`` is image ``i`` and its target, int64 or float32."""

    def __init__(
        self,
        images: Images,
        classes: Sequence[str],
        targets: torch.Tensor,
        transform: Transform | None,
    ) -> None:
        self.images = images
        self.classes = list(classes)
        self.targets = targets
        self._transform = transform

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        classes = f", classes {', '.join(self.classes)}" if self.classes else ""
        return f"TorchImages({self.images!r}{classes})"

    def _repr_html_(self) -> str:
        """Show the first images in a notebook, before any transform."""
        return self.images._repr_html_()

    def __getitem__(self, index: int) -> tuple[Any, torch.Tensor]:
        """Return pixels ``(channel, *spatial)`` in [0, 1] as transformed, and the target."""
        own = range(len(self))[index]  # an index too high ends a loop over the items
        pixels = torch.from_numpy(self.images.floats([own])[0])
        return self._transform(pixels) if self._transform else pixels, self.targets[own]

    def __getstate__(self) -> dict[str, Any]:
        """Let a worker open the folder itself: pickling would copy all pixels to each one."""
        state = dict(self.__dict__)
        if self.images.folder is not None:
            state["images"] = (self.images.folder, self.images.positions)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if isinstance(self.images, tuple):
            folder, positions = self.images
            self.images = Images.open(folder)[positions]


def as_torch(
    images: Images | Path | str,
    *,
    target: Target = "class",
    classes: Sequence[str] | None = None,
    transform: Transform | None = None,
) -> TorchImages:
    """Return images, real or synthetic, as a map-style ``torch.utils.data.Dataset``.

    Its items are pairs: pixels as a float32 tensor ``(channel, *spatial)`` in [0, 1], and a target.
    ``torch.utils.data.ConcatDataset([real, synthetic])`` mixes several.

    Args:
        images: ``Images``, or a folder of them; ``Images.where(split="train")`` chooses.
        target: ``"class"`` for the index of the class (-1 where images have no classes); another
            column that holds numbers, such as ``"age"``, as float32 (NaN where it is not known); or
            a function of the image's table row that returns a number.
        classes: The classes in the order of their indices: give ``other.classes`` where sets are
            mixed. Those of the images if ``None``.
        transform: What is done to the pixels; it must be picklable where workers are spawned.
    """
    if not isinstance(images, Images):
        images = Images.open(images)
    names = list(images.classes if classes is None else classes)
    if set(images.classes) - set(names):
        raise OptionError(
            f"the images are of the classes {', '.join(images.classes)}; expected some of "
            f"{', '.join(names) or 'none'}."
        )
    if target == "class" and names:
        known = [name is not None for name in images.column("class")]
        if not all(known):
            console.note(f"{known.count(False)} of {len(known)} images are in no class: left out.")
            images = images[[i for i, is_known in enumerate(known) if is_known]]
    return TorchImages(images, names, _targets(images, target, names), transform)


def _targets(images: Images, target: Target, classes: Sequence[str]) -> torch.Tensor:
    if target == "class":
        indices = {name: index for index, name in enumerate(classes)}
        return torch.tensor([indices.get(str(name), -1) for name in images.column("class")])
    if callable(target):
        return torch.tensor([float(target(row)) for row in images.table])
    columns = {name for row in images.table for name in row}
    if target not in columns:
        raise OptionError(f"images have no column {target!r}.", nearest(target, sorted(columns)))
    values = images.column(target)
    text = next((value for value in values if isinstance(value, str)), None)
    if text is not None:
        raise OptionError(
            f"the column {target!r} holds text such as {text!r}; expected numbers.",
            f"Give a function: target=lambda row: row[{target!r}] == {text!r}",
        )
    return torch.tensor([math.nan if value is None else float(value) for value in values])
