"""Images as a torch ``Dataset``: synthetic ones to train on directly, mixed with real ones or not.

Synthetic images are drawn once and kept in the cache as :class:`brainzoo.Images`, so that epochs
and workers read them instead of drawing them again: an index is the same image in every process.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from brainzoo import console
from brainzoo.errors import IntegrityError, NotFoundError, OptionError
from brainzoo.files import disk_errors
from brainzoo.home import home
from brainzoo.images import Images
from brainzoo.interfaces import Value
from brainzoo.locks import locked
from brainzoo.options import nearest
from brainzoo.preparation.request import remove_abandoned
from brainzoo.tables import Row

Target = str | Callable[[Row], float]
Transform = Callable[[torch.Tensor], Any]


class TorchImages(Dataset[tuple[Any, torch.Tensor]]):
    """What :func:`as_torch` returns: item ``i`` is image ``i`` and its target.

    Attributes:
        images: What it reads.
        classes: Names of the classes, in the order of their indices.
        targets: One an image: ``int64`` class indices, or ``float32``.
    """

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

    Raises:
        NotFoundError: There is no such folder.
        OptionError: The target is no column, or one of text; or the classes are others.
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


def synthetic(
    reference: str | Path,
    n: int,
    *,
    seed: int = 0,
    condition: Mapping[str, Value] | None = None,
    target: Target = "class",
    transform: Transform | None = None,
    batch_size: int | None = None,
    workers: int | None = None,
    **sampling: Any,
) -> TorchImages:
    """Return new images of a checkpoint as a ``torch.utils.data.Dataset``.

    They are drawn at the first call and kept under ``$BRAINZOO_HOME/synthetic``; a later call for
    as many of the same or fewer reads them. Index ``i`` is the same image however many there are.

    Args:
        reference: A checkpoint: a folder, ``"pggan-ixi-64"``, or ``hf:owner/repo@revision``.
        n: How many.
        seed: Decides every random number.
        condition: For example ``{"class": "old"}``; ``None`` draws conditions as in training.
        target: See :func:`as_torch`; covariates that the generator knows are columns here too.
        transform: See :func:`as_torch`.
        batch_size: How many are drawn at once; changes no image.
        workers: How many processes draw; ``None`` takes several where that is worth it.
        **sampling: Options of the generator, as in :func:`brainzoo.load`.

    Raises:
        NotFoundError: There is no such checkpoint.
        OptionError: ``n`` is less than 1, or the generator does not know the condition or option.
        DiskError: The disk is full; the next call goes on.
    """
    if n < 1:
        raise OptionError(f"{n} synthetic images were asked for; expected 1 or more.")
    from brainzoo import pipeline
    from brainzoo.loading import find_checkpoint

    checkpoint = find_checkpoint(reference)
    folder = home() / "synthetic" / _key(checkpoint, seed, condition, sampling)
    with disk_errors(folder), locked(folder):
        images = _kept(folder, n)
        if images is None:
            remove_abandoned(folder / str(n))
            images = pipeline.sample(
                checkpoint,
                folder / str(n),
                n,
                seed=seed,
                condition=condition,
                batch_size=batch_size,
                sampling=sampling,
                workers=workers,
                replace=True,
            )
    return as_torch(images[:n], target=target, transform=transform)


def _key(
    checkpoint: Path,
    seed: int,
    condition: Mapping[str, Value] | None,
    sampling: Mapping[str, Any],
) -> str:
    """Return a name for all that decides the images, but for how many there are."""
    from brainzoo.checkpoint import read_config
    from brainzoo.plugins import plugins

    config = read_config(checkpoint)
    installed = plugins().of("generator", str(config["plugin"].get("name")))
    decides = [config, installed.version, seed, dict(condition or {}), dict(sampling)]
    text = json.dumps(decides, sort_keys=True, default=str)
    return f"{installed.name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _kept(folder: Path, n: int) -> Images | None:
    """Return images that were drawn before, if they are enough and whole."""
    counts = [int(path.name) for path in folder.glob("*") if path.name.isdigit()]
    for count in sorted(count for count in counts if count >= n):
        try:
            return Images.open(folder / str(count))
        except (IntegrityError, NotFoundError) as error:
            console.warn(f"{error.message} It is drawn again.")
            shutil.rmtree(folder / str(count), ignore_errors=True)
    return None


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
