"""Figures and sample grids of a training for a tracker, by Accelerate, and for plugins."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pluggy import HookImpl

from brainzoo.common import console
from brainzoo.common.errors import NotFoundError
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.run import Run

Follower = Callable[[Mapping[str, Any], bytes | None], None]


class Tracking:
    """Passes on each line of ``stats.jsonl`` and each sample grid, in the first process only.

    One that fails is warned of and left out from then on: training does not depend on it.
    """

    def __init__(self, run: Run, main: bool) -> None:
        self._followers: dict[str, Follower] = {}
        self._tracker: Any = None
        if not main:
            return
        for found in plugins().hook.brainzoo_progress.get_hookimpls():
            self._followers[found.plugin_name] = _called(found, run)
        if run.train.track != "none":
            self._tracker = _started(run)
            self._followers[run.train.track] = self._track

    def tell(self, line: Mapping[str, Any], picture: bytes | None = None) -> None:
        """Pass on a line of figures; with it, or alone, a sample grid as PNG."""
        for name, follower in list(self._followers.items()):
            try:
                follower(line, picture)
            except Exception as error:
                del self._followers[name]
                console.warn(f"{name} failed and is left out from now on: {error}")

    def finish(self) -> None:
        """Write what the tracker still holds."""
        if self._tracker is not None:
            self._tracker.finish()

    def _track(self, line: Mapping[str, Any], picture: bytes | None) -> None:
        step = int(line["images"])
        if picture is not None and hasattr(self._tracker, "log_images"):
            from PIL import Image

            pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))[None]
            board = self._tracker.name == "tensorboard"
            layout = {"dataformats": "NHWC"} if board else {}
            self._tracker.log_images({"samples": pixels}, step=step, **layout)
        figures = {**line, **{f"loss/{n}": v for n, v in line.get("losses", {}).items()}}
        numbers = {n: v for n, v in figures.items() if isinstance(v, int | float)}
        if len(numbers) > 1:  # besides how many images were seen
            self._tracker.log(numbers, step=step)


def _called(found: HookImpl, run: Run) -> Follower:
    def follow(line: Mapping[str, Any], picture: bytes | None) -> None:
        given = {"run": run, "line": line, "picture": picture}
        found.function(**{name: given[name] for name in found.argnames})

    return follow


def _started(run: Run) -> Any:
    """Return one of Accelerate's trackers, begun; only figures and synthetic images go there."""
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    name = run.train.track
    if importlib.util.find_spec(name) is None:
        raise NotFoundError(f"{name} is not installed.", f"Install it with: pip install {name}")
    kind = LOGGER_TYPE_TO_CLASS[name]
    local = {"logging_dir": run.folder} if kind.requires_logging_directory else {}
    tracker = kind("tensorboard" if local else "brainzoo", **local)
    tracker.start()
    return tracker
