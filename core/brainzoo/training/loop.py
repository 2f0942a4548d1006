"""The one training loop. A generator brings phases; everything else is here, in one place."""

from __future__ import annotations

import atexit
import dataclasses
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from numpy import float32, int64
from numpy.typing import NDArray
from torch import nn

from brainzoo.errors import OptionError
from brainzoo.files import write_bytes
from brainzoo.images import Images
from brainzoo.pictures import grid, png_bytes
from brainzoo.run import Run
from brainzoo.training.devices import Compute, compute
from brainzoo.training.ema import EMA
from brainzoo.training.estimate import Asked, Estimated
from brainzoo.training.feed import Feed, augment
from brainzoo.training.monitor import Monitor
from brainzoo.training.state import clear_leftovers, load_state, save_state
from brainzoo.training.step import Step, number_of, seeded

Loss = Callable[[torch.Tensor, torch.Tensor, Step], tuple[torch.Tensor, dict[str, torch.Tensor]]]
"""Takes pixels ``(batch, channel, *spatial)`` in [-1, 1], class indices ``(batch,)`` (-1 without
classes; other ``labels`` if :func:`fit` is given them) and the :class:`Step`; returns a scalar loss
and figures to log."""


@dataclasses.dataclass(frozen=True)
class Phase:
    """One update of one network within a step; a GAN has two, an autoencoder one.

    A phase may act in a part of the budget only: a model of two stages is two phases, one after the
    other. Whichever is at work, the state holds both, so that a run resumes in either.

    Attributes:
        name: What the loss is called in ``stats.jsonl``.
        network: What is trained; the networks of the other phases are frozen meanwhile, so that
            no gradients are computed for them.
        optimizer: Over the parameters of ``network``.
        loss: Computes the loss; see :data:`Loss`.
        start: The fraction of the budget from which on it acts.
        end: The fraction of the budget up to which it acts.
    """

    name: str
    network: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Loss
    start: float = 0.0
    end: float = 1.0

    def acts(self, progress: float) -> bool:
        """Tell whether it acts when this fraction of the budget is spent."""
        return self.start <= progress < self.end


def fit(
    phases: Sequence[Phase],
    images: Images,
    run: Run,
    *,
    averaged: nn.Module,
    sample: Callable[[nn.Module], NDArray[float32]],
    batch_size: Callable[[float], int] | None = None,
    labels: NDArray[int64] | None = None,
) -> nn.Module:
    """Train until the budget is spent, from the beginning or from where ``run`` was left.

    Owns device, precision, accumulation, distribution, the data feed, averaging, progress,
    statistics, sample grids and the resumable state. On the same CPU and thread count, a run that
    was killed and resumed ends in the very weights of one that was not.

    Args:
        phases: What happens in each step, in this order.
        images: The training images, all of them used.
        run: Where to write, and the common options.
        averaged: The network (of one of the phases) whose moving average samples come from.
        sample: Makes the images of a sample grid, ``(64, channel, *spatial)`` in [0, 1], from the
            averaged network; always from the same latents.
        batch_size: Images of a step by the fraction of the budget that is spent; the run's batch
            size throughout if there is none.
        labels: What losses get instead of class indices: a whole number an image, such as which
            row of :class:`brainzoo.conditions.Conditions` is its own.

    Returns:
        The averaged network, in evaluation mode, on the CPU.

    Raises:
        OptionError: No budget is set, or a batch cannot be shared by the processes.
        Estimated: ``run`` asks what training would take, and not for training.
        KeyboardInterrupt: Ctrl-C or SIGTERM came; the state is written before.
        DiskError: The disk is full; the last complete state is kept.
    """
    train = run.train
    if not train.budgeted:
        raise OptionError("no budget is set.", "Give --images 300k or --minutes 30.")
    if run.estimate is not None:
        asked = Asked(phases, images, run, averaged, sample, batch_size, labels)
        raise Estimated(run.estimate(asked))
    machine = compute(train.device, train.precision)
    accelerator = Accelerator(cpu=machine.device.type == "cpu")
    if accelerator.num_processes > 1:
        # A process that ends with its group alive may abort ("terminate called without an active
        # exception"), and the launcher then ends the others before they are done.
        atexit.register(accelerator.end_training)
    for phase in phases:
        machine.place(phase.network)
    clear_leftovers(run.state)
    ema = EMA(averaged, train.ema_images)
    feed = Feed(images, train.seed, labels)
    networks = {**{phase.name: phase.network for phase in phases}, "average": ema.network}
    optimizers = {phase.name: phase.optimizer for phase in phases}
    counters = (load_state(run.state, networks, optimizers) if run.resume else None) or {}
    seen, number = int(counters.get("images", 0)), int(counters.get("steps", 0))

    with (
        Monitor(
            run.stats, seen, float(counters.get("seconds", 0.0)), accelerator.is_main_process
        ) as monitor,
        _interruptions() as interrupted,
        seeded(train.seed),
    ):

        def save() -> None:
            if accelerator.is_main_process:
                now = {"images": seen, "steps": number, "seconds": monitor.seconds}
                save_state(run.state, networks, optimizers, now)

        def agree(progress: float, stop: bool) -> tuple[float, bool]:
            """Take the main process's clock and signal for all, or some would wait for others."""
            if accelerator.num_processes == 1:
                return progress, stop
            told = torch.tensor([progress, float(stop)], device=accelerator.device)
            told = broadcast(told.double(), from_process=0)
            return float(told[0]), bool(told[1])

        def picture() -> None:
            if accelerator.is_main_process:
                shown = grid(sample(ema.network), columns=8)
                write_bytes(run.progress / f"{seen:09d}.png", png_bytes(shown))

        if accelerator.is_main_process:
            _clear_pictures_after(run, seen)
            real = feed.batch(0, 64)[0].numpy()
            write_bytes(run.progress / "real.png", png_bytes(grid(real, columns=8)))
        if seen == 0:
            picture()
        saved_at = time.monotonic()
        pictures = int(train.grids * _progress(run, seen, monitor.seconds))
        progress, stop = agree(_progress(run, seen, monitor.seconds), False)
        while progress < 1:
            _schedule(phases, train.decay, progress)
            size = batch_size(progress) if batch_size else train.batch_size
            figures = train_step(
                phases, feed, run, machine, accelerator, size, seen, number, progress
            )
            seen, number = seen + size, number + 1
            ema.update(size, seen)
            progress, stop = agree(_progress(run, seen, monitor.seconds), interrupted.is_set())
            monitor.step(figures, number, seen, progress)
            if int(train.grids * progress) > pictures and progress < 1:
                pictures = int(train.grids * progress)
                picture()
            if stop:
                save()
                raise KeyboardInterrupt
            if time.monotonic() - saved_at >= 60 * train.save_minutes:
                save()
                saved_at = time.monotonic()
        save()
        picture()
    return ema.network.cpu()


def train_step(
    phases: Sequence[Phase],
    feed: Feed,
    run: Run,
    machine: Compute,
    accelerator: Accelerator,
    batch_size: int,
    seen: int,
    number: int,
    progress: float,
) -> dict[str, torch.Tensor]:
    """Run every acting phase once on the next batch; return figures averaged over its parts."""
    train = run.train
    processes, index = accelerator.num_processes, accelerator.process_index
    if batch_size % (processes * train.accumulate):
        raise OptionError(
            f"batch size {batch_size} cannot be shared by {processes} processes in "
            f"{train.accumulate} parts each."
        )
    own = batch_size // processes
    step = Step(
        train.seed, seen, machine.device, index, processes, number=number, progress=progress
    )
    # For layers with randomness of their own, such as dropout.
    torch.manual_seed(number_of("layers", train.seed, seen, index))
    pixels, classes = feed.batch(seen + index * own, own)
    pixels = augment(pixels.to(machine.device), step, train) * 2 - 1
    parts = list(
        zip(
            machine.tensor(pixels).chunk(train.accumulate),
            classes.to(machine.device).chunk(train.accumulate),
            strict=True,
        )
    )
    figures: dict[str, torch.Tensor] = {}
    for phase in (p for p in phases if p.acts(progress)):
        for other in phases:
            other.network.requires_grad_(other is phase)
        phase.optimizer.zero_grad(set_to_none=True)
        for part_pixels, part_classes in parts:
            with machine.autocast():
                loss, more = phase.loss(part_pixels, part_classes, step)
            (loss / len(parts)).backward()  # type: ignore[no-untyped-call]
            for name, value in {**more, f"{phase.name}_loss": loss}.items():
                figures[name] = figures.get(name, torch.zeros(())) + value.detach() / len(parts)
        if processes > 1:
            _average_gradients(phase.network, accelerator)
        phase.optimizer.step()
    return figures


def _schedule(phases: Sequence[Phase], decay: float, progress: float) -> None:
    """Lower the learning rates over the last part of the budget, or of the phase's share of it."""
    for phase in phases:
        left = min(1.0, max(0.0, phase.end - progress) / (phase.end - phase.start))
        factor = min(1.0, left / decay) if decay else 1.0
        for group in phase.optimizer.param_groups:
            group["lr"] = factor * group.setdefault("initial_lr", group["lr"])


def _average_gradients(network: nn.Module, accelerator: Accelerator) -> None:
    """Average gradients over the processes, in one message.

    Plain averaging after the backward pass instead of DistributedDataParallel: a GAN runs its
    discriminator several times a step and penalties differentiate twice, which DDP's hooks forbid.
    """
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    flat = accelerator.reduce(flat, reduction="mean")
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def _progress(run: Run, seen: int, seconds: float) -> float:
    """Return the fraction of the budget that is spent; 1 or more ends the run."""
    by_images = seen / run.train.images if run.train.images is not None else 0.0
    by_time = seconds / (60 * run.train.minutes) if run.train.minutes is not None else 0.0
    return max(by_images, by_time)


def _clear_pictures_after(run: Run, seen: int) -> None:
    for path in run.progress.glob("*.png"):
        if path.stem.isdigit() and int(path.stem) > seen:
            path.unlink()


@contextmanager
def _interruptions() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C and SIGTERM set; a second Ctrl-C stops at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event  # signals reach the main thread only
        return

    def note(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    previous = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
