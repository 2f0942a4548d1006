"""One side of the page: a model that draws, or images that are there."""

from __future__ import annotations

import dataclasses
import json
import math
import threading
import typing
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pydantic

from brainzoo.api import Images, Value, load
from brainzoo_show import figures

MOST_KEPT_BYTES = 2**28
"""Of samples that a pane keeps, so that looking closer draws nothing again."""

OF_PEOPLE = ("image_id", "subject", "participant_id", "scan", "split")
"""Columns that the page never shows."""


class Setting(pydantic.BaseModel):
    """What the page asks for.

    Attributes:
        seed: Of the samples; of images, their order.
        condition: Such as ``{"age": 70, "sex": "F"}``; what is not there is as in training.
        sampling: The model's options that act when images are drawn; its own if not there.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    seed: Annotated[int, pydantic.Field(ge=0, le=2**53)] = 0
    condition: dict[str, float | str] = {}
    sampling: dict[str, float | int | str | bool] = {}


class Pane(ABC):
    """One side of the page."""

    title: str
    kind: str
    dims: int

    @property
    @abstractmethod
    def people(self) -> bool:
        """Whether the images show real people."""

    @property
    @abstractmethod
    def batch(self) -> int:
        """How many images are drawn at once."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return all that the page says of it, ready for JSON."""

    @abstractmethod
    def take(self, setting: Setting, start: int, count: int) -> Images:
        """Return the images ``start`` to ``start + count - 1`` of a setting; fewer at the end.

        Raises:
            OptionError: The model does not know the condition or an option.
        """


class ModelPane(Pane):
    """Samples of a checkpoint, drawn when they are asked for."""

    kind = "model"
    people = False

    def __init__(self, address: str | Path) -> None:
        self._address = address
        self._lock = threading.Lock()  # a network draws for one request at a time
        self._sampling: dict[str, Any] = {}
        self._model: Any = load(address)
        self._defaults = self._model.config
        self._kept: OrderedDict[str, Images] = OrderedDict()
        self.title = Path(address).name
        self._first = self.take(Setting(), 0, 1)
        self.dims = self._first.dims

    @property
    def batch(self) -> int:
        """How many images the model computes at once."""
        return int(getattr(self._model, "chunk", 8))

    def describe(self) -> dict[str, Any]:
        """Return all that the page says of the model."""
        source = self._first.info.get("source") or {}
        spacing = self._first.info.get("spacing_mm") or ()
        facts = {
            "makes": f"{' + '.join(self._first.channel_names)} "
            f"{'slices' if self.dims == 2 else 'volumes'} of "
            f"{' × '.join(map(str, self._first.spatial))}",
            "voxels": " × ".join(f"{mm:g}" for mm in spacing) + " mm" if spacing else "",
            "generator": str(self._first.info["generator"]["name"]),
            "trained on": str(source.get("title") or source.get("name") or "unknown data"),
            "licence": str(source.get("license") or "unknown"),
        }
        known = getattr(self._model, "known", None)
        return {
            **_described(self, self._first),
            "facts": [[name, text] for name, text in facts.items() if text],
            "columns": [dataclasses.asdict(column) for column in known.columns] if known else [],
            "options": list(_sampling_options(self._defaults)),
            "figures": figures.of_checkpoint(self._model.folder),
            "total": None,
        }

    def take(self, setting: Setting, start: int, count: int) -> Images:
        """Draw samples, or return those drawn before."""
        key = json.dumps([setting.model_dump(), start, count], sort_keys=True)
        with self._lock:
            if key not in self._kept:
                if setting.sampling != self._sampling:
                    sampling: dict[str, Any] = dict(setting.sampling)
                    self._model = load(self._address, **sampling)
                    self._sampling = sampling
                condition = setting.condition or None
                drawn = self._model.sample_images(
                    count, seed=setting.seed, start=start, condition=condition
                )
                self._keep(key, drawn)
            self._kept.move_to_end(key)
            return self._kept[key]

    def _keep(self, key: str, images: Images) -> None:
        self._kept[key] = images
        while len(self._kept) > 1 and sum(map(_bytes, self._kept.values())) > MOST_KEPT_BYTES:
            self._kept.popitem(last=False)


class ImagesPane(Pane):
    """Images that are there: those nearest to what is asked for come first."""

    batch = 8

    def __init__(self, images: Images, title: str) -> None:
        self._images = images
        self.title = title
        self.dims = images.dims
        self.kind = "synthetic" if images.synthetic else "real"

    @property
    def people(self) -> bool:
        """Whether they are real, and not simulated."""
        simulated = (self._images.info.get("source") or {}).get("simulated", False)
        return not self._images.synthetic and not simulated

    def describe(self) -> dict[str, Any]:
        """Return all that the page says of the images."""
        people = self._images.subjects()
        facts = {
            "images": f"{len(self._images):,}" + (f" of {len(people):,} people" if people else ""),
            "size": " × ".join(map(str, self._images.spatial)),
            "licence": str((self._images.info.get("source") or {}).get("license") or "unknown"),
        }
        return {
            **_described(self, self._images),
            "facts": [[name, text] for name, text in facts.items()],
            "columns": list(self._columns()),
            "options": [],
            "figures": None,
            "total": len(self._images),
        }

    def take(self, setting: Setting, start: int, count: int) -> Images:
        """Return the images nearest to a condition, in an order of the seed."""
        return self._images[self._order(setting)[start : start + count]]

    def _columns(self) -> typing.Iterator[dict[str, Any]]:
        for name in ("class", "age", "sex"):
            known = {value for value in self._images.column(name) if value is not None}
            if len(known) < 2:
                continue
            numbers = [float(value) for value in known if isinstance(value, int | float)]
            if len(numbers) == len(known):
                ends = {"low": math.floor(min(numbers)), "high": math.ceil(max(numbers))}
                yield {"name": name, "levels": [], **ends}
            else:
                yield {"name": name, "levels": sorted(map(str, known))}

    def _order(self, setting: Setting) -> list[int]:
        shuffled = np.random.default_rng(setting.seed).permutation(len(self._images))
        asked = {
            column["name"]: setting.condition[column["name"]]
            for column in self._columns()
            if column["name"] in setting.condition
        }
        rows = self._images.table
        texts = {name: value for name, value in asked.items() if isinstance(value, str)}
        fits = [int(i) for i in shuffled if all(str(rows[i].get(n)) == v for n, v in texts.items())]

        def distance(i: int) -> float:
            return sum(
                abs(float(rows[i].get(name) or np.inf) - value)
                for name, value in asked.items()
                if not isinstance(value, str)
            )

        return sorted(fits, key=distance)


def shown_row(row: Mapping[str, Value]) -> dict[str, Value]:
    """Return what the page says of an image: nothing that points to a person; age in years."""
    shown: dict[str, Value] = {k: v for k, v in row.items() if k not in OF_PEOPLE and v is not None}
    age = shown.get("age")
    if isinstance(age, float):
        shown["age"] = round(age)
    return shown


def _described(pane: Pane, images: Images) -> dict[str, Any]:
    labels = images.label_names
    return {
        "title": pane.title,
        "kind": pane.kind,
        "people": pane.people,
        "dims": images.dims,
        "shape": list(images.spatial),
        "spacing_mm": [float(mm) for mm in images.info.get("spacing_mm") or [1] * images.dims],
        "plane": images.info.get("plane"),
        "channels": images.channel_names,
        "labels": list(labels.values()) if labels else [],
        "batch": pane.batch,
    }


def _sampling_options(config: Any) -> typing.Iterator[dict[str, Any]]:
    """Yield the options of a configuration that act when images are drawn."""
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        if not field.metadata.get("sampling"):
            continue
        choices: Sequence[str] = field.metadata.get("choices", ())
        kind = "choice" if choices else "flag" if hints[field.name] is bool else "number"
        yield {
            "name": field.name,
            "help": field.metadata.get("help", "").removeprefix("Sampling: ").capitalize(),
            "kind": kind,
            "whole": hints[field.name] is int,
            "choices": list(choices),
            "minimum": field.metadata.get("minimum"),
            "maximum": field.metadata.get("maximum"),
            "value": getattr(config, field.name),
        }


def _bytes(images: Images) -> int:
    return int(np.prod([len(images), images.channels, *images.spatial])) * images.dtype.itemsize
