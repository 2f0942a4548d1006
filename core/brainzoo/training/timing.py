"""How long training takes, from a few real steps of each stage that it will go through.

Steps are those of the training loop itself: feed, augmentation, losses, optimisers, averaged
weights. Nothing is written.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from brainzoo.plugin.run import TrainConfig
from brainzoo.training.devices import compute
from brainzoo.training.distribution import Processes
from brainzoo.training.ema import EMA
from brainzoo.training.estimate import Asked, Stage
from brainzoo.training.feed import Feed
from brainzoo.training.step import seeded

SECONDS = 12.0
"""How long steps are timed; longer only where a few steps of each kind take longer."""
LEAST = 3
"""Steps of each kind that are timed at least."""
MOST = 40
"""Steps of each kind that are timed at most."""


@dataclasses.dataclass
class Timed:
    """What was measured of a stage.

    Attributes:
        stage: The stage.
        steps: Seconds of each timed step by its number.
        grid: Seconds of a sample grid.
        pictured: Images of a sample grid.
        resolution: Edge of the images that networks make in it, where a loss tells it.
    """

    stage: Stage
    steps: dict[int, list[float]]
    grid: float = 0.0
    pictured: int = 0
    resolution: int | None = None

    @functools.cached_property
    def rate(self) -> float:
        """Images a second while steps are done: kinds of steps by their share, the mean of each.

        Not medians: where other programs hold the processor now and then, a few steps take long,
        and a training has its share of them.
        """
        seconds = sum(
            share * statistics.fmean(self.steps[number]) for number, share in self.stage.kinds
        )
        return self.stage.batch_size / seconds


def timed(
    asked: Asked, stages: Sequence[Stage], advance: Callable[[int], None]
) -> tuple[list[Timed], int]:
    """Do real steps of each stage in turn, and a sample grid.

    Args:
        asked: What was to be trained; its networks are trained a little.
        stages: Where steps differ; see :class:`brainzoo.training.estimate.Stage`.
        advance: Called with how many seconds of :data:`SECONDS` are over.

    Returns:
        What was measured of each stage, and the most memory that the process (on CUDA: the device)
        held meanwhile, in bytes.
    """
    from brainzoo.training.loop import train_step  # it imports what this module is beside

    train = asked.run.train
    machine = compute(train.device, train.precision)
    processes = Processes(machine)
    for phase in asked.phases:
        machine.place(phase.network)
    ema = EMA(asked.averaged, train.ema_images)
    feed = Feed(asked.images, train.seed, asked.labels)
    found = [Timed(stage, {number: [] for number, _ in stage.kinds}) for stage in stages]
    seen = 0

    def wait() -> None:
        if machine.device.type == "cuda":
            torch.cuda.synchronize()

    def step(of: Timed, number: int) -> float:
        nonlocal seen
        size = of.stage.batch_size
        wait()
        started = time.perf_counter()
        figures = train_step(
            asked.phases, feed, asked.run, machine, processes, size, seen, number, of.stage.middle
        )
        seen += size
        ema.update(size, seen)
        wait()
        seconds = time.perf_counter() - started
        if "resolution" in figures:
            of.resolution = int(figures["resolution"])
        return seconds

    started, told = time.perf_counter(), 0
    _forget_peak(machine.device)
    with seeded(train.seed):
        rounds = 0
        while rounds < MOST:
            spent = time.perf_counter() - started
            if rounds >= LEAST and spent > SECONDS:
                break
            for of in found:
                for number in of.steps:
                    if rounds == 0:
                        step(of, number)  # the first one chooses algorithms and is not timed
                    of.steps[number].append(step(of, number))
                # Before a later stage has been tried: what is pictured may depend on it, as that
                # of a prior that has not begun. The first one only warms up.
                if rounds == 0:
                    asked.sample(ema.network)
                    grid_started = time.perf_counter()
                    of.pictured = len(asked.sample(ema.network))
                    of.grid = time.perf_counter() - grid_started
                spent = min(SECONDS, time.perf_counter() - started)
                advance(int(spent) - told)
                told = int(spent)
            rounds += 1
    return found, _peak(machine.device)


def budget(train: TrainConfig, found: Sequence[Timed]) -> tuple[int, float]:
    """Return the images and the seconds of a training: what its budget leaves open is told.

    Goes through the training loop as :func:`brainzoo.training.fit` does, with the time of each step
    and sample grid in place of the work.
    """
    images, allowed = train.images or float("inf"), 60 * (train.minutes or float("inf"))
    seconds, seen, progress, pictures, at = found[0].grid, 0, 0.0, 0, 0
    while progress < 1:
        while progress >= found[at].stage.end:
            at += 1
        seconds += found[at].stage.batch_size / found[at].rate
        seen += found[at].stage.batch_size
        progress = max(seen / images, seconds / allowed)
        if int(train.grids * progress) > pictures and progress < 1:
            pictures = int(train.grids * progress)
            seconds += found[at].grid
    return seen, seconds + found[at].grid


def _forget_peak(device: torch.device) -> None:
    """Let the peak of memory begin anew."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return
    with contextlib.suppress(OSError):  # not Linux: the peak is that of the whole process
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated())
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return 1024 * int(lines["VmHWM"].split()[0])
