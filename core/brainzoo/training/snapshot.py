"""The best weights so far, by images of people whom training does not see."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from brainzoo.data.images import Images
from brainzoo.training.distribution import Processes
from brainzoo.training.state import Tensors, pack_state, unpack_state

Score = Callable[[nn.Module, Images], float]
"""Says how badly a network fits images; lower is better, always of the same random numbers."""
Watch = Callable[[nn.Module, Images, Images], Mapping[str, float]]
"""Returns what else is worth seeing of a network, training and validation images, by name."""

MOST = {2: 128, 3: 16}
"""Images that a score is computed of, by spatial rank; evenly spread over the people."""


class Snapshots:
    """Scores the averaged network now and then, and keeps the weights that scored best.

    A model of two stages begins anew with each, because their scores are not comparable: what a
    stage has trained goes on as it was at its best.

    Args:
        live: Trained parameters and buffers of the network, by name.
        average: The same of the averaged network, which ``score`` and ``watch`` look at.
        keeps: Whether the best weights are what remains; else scores are only watched.

    Attributes:
        best: The averaged network's tensors when it scored best.
        counters: What the state keeps besides: the best score, how many were worse since, and
            the phases of the stage.
    """

    def __init__(
        self,
        live: Tensors,
        average: Tensors,
        score: Callable[[Images], float],
        watch: Callable[[Images, Images], Mapping[str, float]] | None,
        training: Images,
        validation: Images,
        keeps: bool,
    ) -> None:
        self.keeps = keeps
        self._live = live
        self._average = average
        self._score = score
        self._watch = watch
        self._sets = {"validation": _some(validation), "training": _some(training)}
        self.best = {name: tensor.clone() for name, tensor in average.items()}
        self.counters: dict[str, Any] = {"score": None, "worse": 0, "stage": []}

    @torch.inference_mode()
    def look(self) -> dict[str, float]:
        """Score the network as it is now; return all that was found, by name."""
        scores = {name: float(self._score(some)) for name, some in self._sets.items()}
        found, least = scores["validation"], self.counters["score"]
        if math.isfinite(found) and (least is None or found < least):
            self.counters |= {"score": found, "worse": 0}
            _copy(self._average, self.best)
        else:
            self.counters["worse"] += 1
        if self._watch is not None:
            scores |= self._watch(self._sets["training"], self._sets["validation"])
        return {name: value for name, value in scores.items() if math.isfinite(value)}

    def worse(self, patience: int | None) -> bool:
        """Return whether as many scores in a row as ``patience`` were no better than the best."""
        return patience is not None and self.counters["worse"] >= patience

    def share(self, processes: Processes) -> None:
        """Hand the best weights of the first process, which alone scores, to the others."""
        if processes.count > 1:
            own = pack_state({"best": self.best}, {}, self.counters)
            shared = processes.from_first(own)
            self.counters = unpack_state(shared, {"best": self.best}, {}, Path("state"))

    def enter(self, stage: list[str], ended: Iterable[str]) -> None:
        """Begin a stage: its phases, and the names of the tensors that are trained no longer."""
        if self.keeps and self.counters["score"] is not None:
            names = list(ended)
            _copy(self.best, {name: self._average[name] for name in names})
            _copy(self.best, {name: self._live[name] for name in names})
        self.counters = {"score": None, "worse": 0, "stage": stage}

    def restore(self) -> None:
        """Give the averaged network the weights that scored best."""
        if self.keeps and self.counters["score"] is not None:
            _copy(self.best, self._average)


def _some(images: Images) -> Images:
    most = min(MOST[images.dims], len(images))
    return images[np.linspace(0, len(images) - 1, most).astype(np.intp)]


@torch.no_grad()
def _copy(source: Tensors, target: Tensors) -> None:
    for name, tensor in target.items():
        tensor.copy_(source[name])
