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
from brainzoo.data.conditions import Conditions
from brainzoo.data.covariates import Column
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
        rows = self.conditions(n, seed=seed, start=start, condition=condition)
        names = self._training["images"]["classes"]
        drawn = [names.index(row["class"]) if names else 0 for row in rows]
        for at in range(0, n, batch_size):
            batch = range(at, n)[:batch_size]
            # Not an option: whoever resumes goes on.
            while start + batch.stop > int(os.environ.get("TINY_HOLD_AT", "1000000")):
                time.sleep(1)
            yield np.stack([self._one(seed, start + i, drawn[i]) for i in batch])

    def conditions(
        self, n: int, *, seed: int, start: int = 0, condition: Mapping[str, Value] | None = None
    ) -> list[dict[str, Value]]:
        names, shares = (self._training["images"][key] for key in ("classes", "class_shares"))
        known = Conditions(
            [Column("class", tuple(names))] if names else [],
            [{"class": name} for name in names],
            [round(1e6 * share) for share in shares],
        )
        return known.draw(n, seed=seed, start=start, condition=condition)

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

    def _one(self, seed: int, index: int, which: int) -> NDArray[np.float32]:
        rng = np.random.default_rng([seed, index])
        mean = self._means[which]
        noisy = mean + self.config.noise * rng.standard_normal(mean.shape)
        made: NDArray[np.float32] = np.clip(noisy, 0, 1).astype(np.float32)
        return made
