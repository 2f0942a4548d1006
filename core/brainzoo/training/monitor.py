"""What a person sees while training: progress, a line of figures at intervals, warnings.

Figures go to ``stats.jsonl``, a line a logging step. Where the discriminator's mean probabilities
``d_real`` and ``d_fake`` are among them, a one-sided game is warned of: "the lie detector must not
be too perfect, [...] nor too poor" (Polonen, of GANs for 3-D MRI).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from brainzoo.common import console
from brainzoo.common.errors import DataError
from brainzoo.common.hardware import peak_memory

LINES = 400  # of stats.jsonl over a whole run
PATIENCE = 40  # lines of one-sided figures before a warning


class Monitor:
    """Collects the figures of each step and reports them, in the ``main`` process only.

    Lines of ``stats.jsonl`` beyond ``images`` (of a part that is trained again after a crash) are
    dropped. ``mean`` averages figures over the processes; all call it together. ``tell`` gets each
    line, too.
    """

    def __init__(
        self,
        path: Path,
        images: int,
        seconds: float,
        main: bool,
        mean: Callable[[Mapping[str, float]], dict[str, float]] = dict,
        tell: Callable[[Mapping[str, Any]], None] = lambda line: None,
    ) -> None:
        self._path, self._main, self._mean, self._tell = path, main, mean, tell
        self._before, self._started, self._aside = seconds, time.monotonic(), 0.0
        self._scores: dict[str, float] = {}
        self._next_line = 0.0
        self._sums: dict[str, torch.Tensor] = {}
        self._counts: dict[str, int] = {}
        self._last = (seconds, images)
        self._one_sided = {"strong": 0, "weak": 0}
        self._warned: set[str] = set()
        self.bar = console.progress("training", 100, unit="%", hidden=not main)
        if main:
            path.parent.mkdir(parents=True, exist_ok=True)
            _drop_lines_after(path, images)

    @property
    def seconds(self) -> float:
        """Training time in seconds, that of earlier parts of the run included."""
        return self._before + time.monotonic() - self._started - self._aside

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Count what happens within the block as no training time: sample grids, saving."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self._aside += time.monotonic() - begun

    def step(
        self, figures: Mapping[str, torch.Tensor], number: int, images: int, progress: float
    ) -> None:
        """Take the figures of one step; log a line of their averages if one is due."""
        for name, value in figures.items():
            value = value.detach()
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1
        if progress < self._next_line and progress < 1:
            return
        self._next_line = progress + 1 / LINES
        own = {name: float(value) / self._counts[name] for name, value in self._sums.items()}
        means = self._mean(own)
        self._sums, self._counts = {}, {}
        if not all(math.isfinite(value) for value in means.values()):
            raise DataError(
                f"training diverged: after {images:,} images a loss is no longer finite.",
                "Lower the learning rates, or use --precision fp32.",
            )
        if self._main:
            self._log(means, number, images, progress)

    def remember(self, scores: Mapping[str, float]) -> None:
        """Write scores of validation and training images into the next line."""
        self._scores = dict(scores)

    def _log(self, means: Mapping[str, float], number: int, images: int, progress: float) -> None:
        seconds = self.seconds
        rate = (images - self._last[1]) / max(seconds - self._last[0], 1e-9)
        self._last = (seconds, images)
        cuda = torch.cuda.is_available()
        memory = torch.cuda.max_memory_allocated() if cuda else peak_memory()
        losses = {n.removesuffix("_loss"): v for n, v in means.items() if n.endswith("_loss")}
        line = {
            "step": number,
            "images": images,
            "seconds": round(seconds, 3),
            "images_per_second": round(rate, 2),
            "losses": losses,
            **{n: v for n, v in means.items() if not n.endswith("_loss")},
            **self._scores,
            "memory_mb": int(memory / 2**20),
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._scores = {}
        self._tell(line)
        said = " ".join(f"{name} {value:.3f}" for name, value in losses.items())
        text = f"{images:,} images, {rate:.0f}/s, loss {said}"
        self.bar.show(min(100 * progress, 100), facts=text)
        self._watch(line)

    def _watch(self, line: Mapping[str, Any]) -> None:
        gap = line["d_real"] - line["d_fake"] if {"d_real", "d_fake"} <= line.keys() else None
        strong = line.get("certain", 0.0) > 0.9 or (gap is not None and gap > 0.9)
        weak = gap is not None and abs(gap) < 0.01
        for side, is_so in (("strong", strong), ("weak", weak)):
            self._one_sided[side] = self._one_sided[side] + 1 if is_so else 0
            if self._one_sided[side] >= PATIENCE and side not in self._warned:
                self._warned.add(side)
                console.warn(_ADVICE[side])


class Aside:
    """Something beside training, such as a sample grid, that may take a bounded share of the time.

    ``share`` is the most that it may take, as a fraction of the training time so far.
    """

    def __init__(
        self,
        monitor: Monitor,
        main: bool,
        what: Callable[[], None],
        share: float,
        *,
        always: bool = False,
    ) -> None:
        self._monitor, self._main, self._what = monitor, main, what
        self._share, self._always = share, always
        self._spent = self._cost = 0.0

    def take(self, *, always: bool = False) -> None:
        """Do it, unless it would take too much of the time."""
        affordable = self._spent + self._cost <= self._share * self._monitor.seconds
        if not self._main or not (always or self._always or affordable):
            return
        begun = time.monotonic()
        with self._monitor.aside():
            self._what()
        self._cost = time.monotonic() - begun
        self._spent += 0 if always else self._cost


_ADVICE = {
    "strong": "the discriminator has separated real from fake almost perfectly for a tenth of the "
    "run (D(real) - D(fake) > 0.9, or nearly every step with all real images above all fake ones); "
    "the generator learns little. Lower --lr-discriminator, add augmentation (--diffaugment) or "
    "more data.",
    "weak": "the discriminator no longer separates real from fake at all; the generator gets no "
    "direction. Raise --lr-discriminator or widen the networks.",
}


def _drop_lines_after(path: Path, images: int) -> None:
    if not path.is_file():
        return
    kept = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(text)["images"] <= images:
                kept.append(text)
        except (ValueError, KeyError):
            continue  # a line that a crash cut short
    temporary = path.with_suffix(".part")
    temporary.write_text("".join(f"{text}\n" for text in kept), encoding="utf-8")
    temporary.replace(path)
