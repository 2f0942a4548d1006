"""The one training loop. A generator brings phases; everything else is here, in one place."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from numpy import float32
from numpy.typing import NDArray
from torch import nn

from brainzoo.common.files import write_bytes
from brainzoo.data.images import Images
from brainzoo.data.pictures import grid
from brainzoo.plugin.run import Run
from brainzoo.training.batch_norm import share_batch_norm
from brainzoo.training.devices import compute
from brainzoo.training.distribution import Processes
from brainzoo.training.ema import EMA
from brainzoo.training.feed import Feed
from brainzoo.training.monitor import Aside, Monitor
from brainzoo.training.phase import Phase, freeze_all_but, schedule, train_step, trained
from brainzoo.training.snapshot import Score, Snapshots, Watch
from brainzoo.training.state import FILE, Tensors, pack_state, unpack_state
from brainzoo.training.step import seeded
from brainzoo.training.stopping import interruptions
from brainzoo.training.threads import threads
from brainzoo.training.tracking import Tracking


def fit(
    phases: Sequence[Phase],
    images: Images,
    run: Run,
    *,
    network: nn.Module,
    sample: Callable[[nn.Module], NDArray[float32]],
    batch_size: Callable[[float], int] | None = None,
    labels: NDArray[Any] | None = None,
    score: Score | None = None,
    watch: Watch | None = None,
) -> nn.Module:
    """Train until the budget is spent, from the beginning or from where ``run`` was left.

    Owns device, precision, accumulation, distribution, the data feed, averaging, progress,
    statistics, sample grids and the resumable state. On the same CPU and thread count, a run that
    was killed and resumed ends in the very weights of one that was not.

    Args:
        phases: What happens in each step, in this order.
        images: The training images, all of them used.
        run: Where to write, and the common options.
        network: What samples come from and what is published: networks of phases, in a container
            if they are several. What it holds besides, such as a first stage that was trained
            before, stays as it is, and out of the state.
        sample: Makes the images of a sample grid, ``(64, channel, *spatial)`` in [0, 1], from the
            averaged network; always from the same latents. Sample grids are not training time;
            where they would take longer than a tenth of it, there are fewer.
        batch_size: Images of a step by the fraction of the budget that is spent; the run's batch
            size throughout if there is none.
        labels: What losses get besides pixels, a row per image: its encoded condition
            (:meth:`brainzoo.data.conditions.Conditions.encode`), for example.
        score: Says how badly the averaged network fits images; lower is better, always of the same
            random numbers. With it, and with validation images in ``run``, what is returned is the
            snapshot that fitted these best.
        watch: Says what else to write down with each score.

    Returns:
        The averaged network, in evaluation mode, on the CPU.

    Raises:
        OptionError: A batch cannot be shared by the processes.
        StoppedError: Another process of a distributed training is gone.
        KeyboardInterrupt: Ctrl-C or SIGTERM came; the state is written before.
        DiskError: The disk is full; the last complete state is kept.
    """
    train = run.train
    machine = compute(train.device, train.precision)
    processes = Processes(machine)
    for phase in phases if processes.count > 1 else ():
        share_batch_norm(phase.network)
    for placed in (network, *(phase.network for phase in phases)):
        machine.place(placed)
    freeze_all_but(phases, network)
    ema = EMA(network, train.ema_images, [p.network for p in phases if p.averaged])

    snapshots = None
    if score is not None and run.validation is not None and train.grids:
        live, average = (trained(phases, network, held) for held in (network, ema.network))
        scored = functools.partial(score, ema.network)
        watched = functools.partial(watch, ema.network) if watch else None
        snapshots = Snapshots(
            live, average, scored, watched, images, run.validation, train.snapshot == "best"
        )

    def held() -> dict[str, Tensors]:
        """Return what the state keeps of the networks."""
        tensors = {p.name: p.network.state_dict() for p in phases}
        best = {"best": snapshots.best} if snapshots else {}
        return {**tensors, "average": ema.own(), **best}

    optimizers = {phase.name: phase.optimizer for phase in phases}
    feed = Feed(images, train.seed, labels)
    shown_channels = images.channels - images.label_channels  # one-hot maps are not shown
    resume = f"brainzoo run --resume {run.folder}"

    with processes.losses_told(resume), seeded(train.seed):
        processes.expect_same_data(feed)
        counters = _begin(run, held(), optimizers, processes)
        seen, number = int(counters.get("images", 0)), int(counters.get("steps", 0))
        seconds, tracking = float(counters.get("seconds", 0.0)), Tracking(run, processes.main)
        monitor = Monitor(run.stats, seen, seconds, processes.main, processes.mean, tracking.tell)
        alone = processes.count == 1 and machine.device.type == "cpu"

        if snapshots:
            snapshots.counters |= counters.get("snapshots", {})

        def save() -> None:
            kept = snapshots.counters if snapshots else {}
            now = {"images": seen, "steps": number, "seconds": monitor.seconds, "snapshots": kept}
            with monitor.aside():
                if processes.main:
                    write_bytes(run.state / FILE, pack_state(held(), optimizers, now))

        def picture() -> None:
            shown = grid(sample(ema.network)[:, :shown_channels], columns=8)
            write_bytes(run.progress / f"{seen:09d}.png", shown)
            tracking.tell({"images": seen}, shown)

        def look() -> None:
            if snapshots:
                monitor.remember(snapshots.look())

        pictures = Aside(monitor, processes.main and train.grids > 0, picture, 0.1)
        # By images, which snapshot is best must not depend on how fast the machine is.
        looks = Aside(monitor, processes.main, look, 0.05, always=train.minutes is None)

        def spent() -> float:
            """Return the fraction of the budget that is spent; 1 or more ends the training."""
            reached = run.spent(seen, monitor.seconds)
            begun = all(phase.start <= reached for phase in phases)
            return 1.0 if begun and snapshots and snapshots.worse(train.patience) else reached

        with (
            monitor.bar,
            interruptions(processes.count) as interrupted,
            threads(train.threads, alone, run.threads_chosen) as after_step,
        ):
            if processes.main:
                for path in run.progress.glob("*.png"):
                    if path.stem.isdigit() and int(path.stem) > seen:
                        path.unlink()
                real = feed.batch(0, 64)[0].numpy()
                write_bytes(run.progress / "real.png", grid(real[:, :shown_channels], columns=8))
            if seen == 0:
                pictures.take(always=True)
            saved_at = time.monotonic()
            progress, stop = processes.agree(spent(), False)
            due = int(train.grids * progress)
            while progress < 1:
                stage = [phase.name for phase in phases if phase.acts(progress)]
                if snapshots and snapshots.counters["stage"] != stage:
                    gone = set(snapshots.counters["stage"]) - set(stage)
                    ended = [phase for phase in phases if phase.name in gone]
                    if ended:
                        looks.take(always=True)
                    snapshots.share(processes)
                    snapshots.enter(stage, trained(ended, network, network))
                schedule(phases, train.decay, progress)
                size = batch_size(progress) if batch_size else train.batch_size
                figures = train_step(
                    phases, feed, run, machine, processes, size, seen, number, progress
                )
                seen, number = seen + size, number + 1
                ema.update(size, seen)
                after_step(size, monitor.seconds)
                reached = run.spent(seen, monitor.seconds)
                if int(train.grids * reached) > due or reached >= 1:
                    due = int(train.grids * reached)
                    looks.take(always=reached >= 1)
                    if reached < 1:
                        pictures.take()
                progress, stop = processes.agree(spent(), interrupted.is_set())
                monitor.step(figures, number, seen, progress)
                if stop:
                    save()
                    raise KeyboardInterrupt
                if time.monotonic() - saved_at >= 60 * train.save_minutes:
                    save()
                    saved_at = time.monotonic()
            save()
            if snapshots:
                snapshots.share(processes)
                snapshots.restore()
            pictures.take(always=True)
            tracking.finish()
    for parameter in ema.network.cpu().parameters():
        # As a checkpoint holds them: other layouts of the same weights round sums differently.
        parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)
    return ema.network


def _begin(
    run: Run,
    networks: Mapping[str, Tensors],
    optimizers: Mapping[str, torch.optim.Optimizer],
    processes: Processes,
) -> dict[str, Any]:
    """Restore the state, if the run is resumed and there is one; return its counters.

    The first process reads it and hands everything to the others, who thus begin with the very same
    weights and need not see the run folder.
    """
    counters: dict[str, Any] = {}
    if processes.main:
        path = run.state / FILE
        for left in run.state.glob(f".{FILE}.*.part"):  # of a process killed while it wrote
            left.unlink(missing_ok=True)
        if run.resume and path.is_file():
            counters = unpack_state(path.read_bytes(), networks, optimizers, path)
    if processes.count > 1:
        own = pack_state(networks, optimizers, counters) if processes.main else b""
        counters = unpack_state(processes.from_first(own), networks, optimizers, run.state)
    return counters
