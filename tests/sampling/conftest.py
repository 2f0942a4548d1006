"""A small checkpoint, and images that are drawn from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainzoo.plugin.manager import plugins
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.sampling import Drawn, Request, draw, sinks
from brainzoo.testing.heads import make_images

N = 50
Draw = Callable[..., Drawn]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Return the checkpoint of a generator that knows two classes."""
    images = make_images(tmp_path / "real", spatial=(16, 16)).where(split="train")
    spec = plugins().get("generator", "tiny")
    generator = spec.load()(spec.config())
    (tmp_path / "run").mkdir()
    run = Run(tmp_path / "run", TrainConfig(images=8))
    generator.fit(images, run)
    generator.save(run.checkpoint)
    return run.checkpoint


@pytest.fixture
def drawn(checkpoint: Path, tmp_path: Path) -> Draw:
    """Return a function that draws ``N`` images into a folder of that name."""

    def make(name: str, *, workers: int | None = 1, n: int = N, **request: Any) -> Drawn:
        asked = Request(checkpoint, n, **{"batch_size": 8, **request})
        return draw(asked, tmp_path / name, workers=workers)

    return make


def stopped_after(monkeypatch: pytest.MonkeyPatch, batches: int, error: BaseException) -> None:
    """Let an error come instead of the batch after so many, once."""
    before, left = sinks.Sink.write, [batches]

    def write(self: Any, *arguments: Any) -> Any:
        left[0] -= 1
        if left[0] == -1:
            raise error
        return before(self, *arguments)

    monkeypatch.setattr(sinks.Sink, "write", write)
