from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo import Generator, Images, checkpoint
from brainzoo.common.errors import OptionError
from brainzoo.common.files import write_text
from brainzoo.data.conditions import draw_classes
from brainzoo.data.subjects import Value
from brainzoo.plugin.options import make_config
from brainzoo.plugin.run import Run

from .config import TinyConfig


class Tiny(Generator):
    """Samples are the mean image of their class plus noise; it keeps what it was given."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self._means: NDArray[np.float32] = np.zeros(0, np.float32)
        self._training: dict[str, Any] = {}

    def fit(self, images: Images, run: Run) -> None:
        if self.config.fail == "expected":
            raise OptionError("this size does not fit.", "Try another --size.")
        if self.config.fail == "unexpected":
            raise RuntimeError("a wheel came off")
        self._training = checkpoint.describe_training(images)
        state = run.state / "seen.json"
        seen = json.loads(state.read_text())["seen"] if run.resume and state.is_file() else 0
        while seen < (run.train.images or 0):
            seen += run.train.batch_size
            line = {"step": seen // run.train.batch_size, "images": seen, "seconds": 0.0}
            with run.stats.open("a") as file:
                file.write(json.dumps(line) + "\n")
            write_text(state, json.dumps({"seen": seen}))
            time.sleep(self.config.step_ms / 1000)
        pixels, names = images.floats(), np.array(images.column("class"), dtype=object)
        groups = [pixels[names == name] for name in images.classes] or [pixels]
        self._means = np.stack([group.mean(0) for group in groups])

    def sample(
        self,
        n: int,
        *,
        seed: int,
        start: int = 0,
        condition: Mapping[str, Value] | None = None,
        batch_size: int = 64,
    ) -> Iterator[NDArray[np.float32]]:
        drawn = self._classes(n, seed, start, condition)
        for at in range(0, n, batch_size):
            batch = range(at, n)[:batch_size]
            # Not an option: whoever resumes goes on.
            while start + batch.stop > int(os.environ.get("TINY_HOLD_AT", "1000000")):
                time.sleep(1)
            yield np.stack([self._one(seed, start + i, int(drawn[i])) for i in batch])

    def conditions(
        self, n: int, *, seed: int, start: int = 0, condition: Mapping[str, Value] | None = None
    ) -> list[dict[str, Value]]:
        names = self._training["images"]["classes"]
        drawn = self._classes(n, seed, start, condition)
        return [{"class": names[i]} if names else {} for i in drawn]

    def save(self, folder: Path) -> None:
        checkpoint.write(
            folder, self, plugin="tiny", weights={"means": self._means}, training=self._training
        )

    @classmethod
    def load(cls, folder: Path) -> Tiny:
        stored = checkpoint.expect_plugin(folder, "tiny")
        loaded = cls(make_config(TinyConfig, stored["hyperparameters"]))
        loaded._training = {k: stored[k] for k in ("images", "preprocessing", "trained_on")}
        loaded._means = checkpoint.read_weights(folder)["means"]
        return loaded

    def _classes(
        self, n: int, seed: int, start: int, condition: Mapping[str, Value] | None
    ) -> NDArray[np.int64]:
        shape = self._training["images"]
        return draw_classes(shape["classes"], shape["class_shares"], seed, start, n, condition)

    def _one(self, seed: int, index: int, which: int) -> NDArray[np.float32]:
        rng = np.random.default_rng([seed, index])
        mean = self._means[which]
        noisy = mean + self.config.noise * rng.standard_normal(mean.shape)
        made: NDArray[np.float32] = np.clip(noisy, 0, 1).astype(np.float32)
        return made
