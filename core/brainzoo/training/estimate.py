"""What a training would take, found without doing it: parameters, memory, arithmetic, speed.

The generator's own networks and losses run once on tensors that have shapes and no numbers
(``FakeTensorMode``), so that 160 × 224 × 160 voxels need no memory to be asked about. Every tensor
made on the way is counted while it lives: the peak is what the real step would hold.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import flop_registry

from brainzoo.images import Images
from brainzoo.run import Run
from brainzoo.training.devices import Compute, compute
from brainzoo.training.step import Step

if TYPE_CHECKING:
    from brainzoo.training.loop import Phase

BUSY_SECONDS = 0.5
"""How long the machine's speed is measured."""
STEPS = 8
"""Steps of each phase whose arithmetic is counted."""
SHARE_OF_SPEED = 0.6
"""Images a second reached, as a share of what the arithmetic alone would allow. A guess, not yet
calibrated against measured trainings."""


class Estimated(Exception):
    """Ends a fit that was only to be estimated; no error, but how the answer leaves it.

    Attributes:
        estimate: What was found.
    """

    def __init__(self, estimate: dict[str, Any]) -> None:
        super().__init__("estimated, not trained")
        self.estimate = estimate


@contextmanager
def without_memory() -> Iterator[None]:
    """Build networks and compute in shapes only, within a block."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def estimate(
    phases: Sequence[Phase],
    images: Images,
    run: Run,
    averaged: nn.Module,
    batch_size: Callable[[float], int] | None,
) -> dict[str, Any]:
    """Return what training takes; called by :func:`brainzoo.training.fit` within such a block.

    For memory each phase is asked at the end of its share of the budget, where growing networks are
    largest; for arithmetic at steps all over it, because they are small at first and penalties are
    not computed in each step.

    Returns:
        ``parameters`` and ``arithmetic_gflop`` (for one image) by phase; ``shares`` of the budget
        that the phases act in; ``weights_mb`` (networks, their average, optimisers) and ``step_mb``
        (activations and gradients: the most that a step holds beside them).
    """
    machine = Compute(torch.device("cpu"), compute(run.train.device, run.train.precision).dtype)
    peaks, flops = [], {}

    def work(phase: Phase, number: int, progress: float) -> int:
        """Do a part of a step; return how many images it had."""
        whole = batch_size(progress) if batch_size else run.train.batch_size
        size = whole // run.train.accumulate
        pixels = machine.tensor(torch.zeros(size, images.channels, *images.spatial))
        labels = torch.zeros(size, dtype=torch.long)
        phase.network.zero_grad(set_to_none=True)
        step = Step(run.train.seed, 0, machine.device, number=number, progress=progress)
        with machine.autocast():
            loss, _ = phase.loss(pixels, labels, step)
        loss.backward()  # type: ignore[no-untyped-call]
        return size

    for phase in phases:
        for other in phases:
            other.network.requires_grad_(other is phase)
        with _Counts() as counts:
            work(phase, 0, phase.end * (1 - 1e-6))
        peaks.append(counts.bytes)
        for_an_image = []
        for number in range(STEPS):
            progress = phase.start + (phase.end - phase.start) * (number + 0.5) / STEPS
            with _Counts() as counts:
                size = work(phase, number, progress)
            for_an_image.append(counts.flops / size)
        flops[phase.name] = sum(for_an_image) / STEPS
    weights = sum(
        _bytes(tensor) for phase in phases for tensor in phase.network.state_dict().values()
    )
    moments = sum(2 * _bytes(p) for phase in phases for p in phase.network.parameters())
    average = sum(_bytes(tensor) for tensor in averaged.state_dict().values())
    return {
        "parameters": {p.name: sum(x.numel() for x in p.network.parameters()) for p in phases},
        "shares": {phase.name: phase.end - phase.start for phase in phases},
        "weights_mb": round((weights + average + moments) / 1e6),
        "step_mb": round(max(peaks) / 1e6),
        "arithmetic_gflop": {name: float(f"{count / 1e9:.3g}") for name, count in flops.items()},
    }


def speed(device: str, precision: str, dims: int) -> float:
    """Measure how much arithmetic a second the machine does in training a convolution, in GFLOP."""
    machine = compute(device, precision)
    convolution = nn.Conv2d(64, 64, 3, 1, 1) if dims == 2 else nn.Conv3d(64, 64, 3, 1, 1)
    machine.place(convolution)
    pixels = torch.zeros(8, 64, 32, 32) if dims == 2 else torch.zeros(1, 64, 24, 24, 24)
    pixels = machine.tensor(pixels).requires_grad_()

    def work() -> None:
        with machine.autocast():
            loss = convolution(pixels).float().sum()
        loss.backward()
        if machine.device.type == "cuda":
            torch.cuda.synchronize()

    with _Counts() as counts:
        work()
    work()
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < BUSY_SECONDS:
        work()
        done += 1
    return float(done * counts.flops / (time.perf_counter() - started) / 1e9)


class _Counts(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of tensors while they live, and arithmetic by torch's own formulas.

    torch's ``FlopCounterMode`` follows modules too, which forbids penalties on gradients and keeps
    tensors alive that checkpointing frees.

    Attributes:
        bytes: The most that lived at once.
        flops: Multiplications and additions of matrix products and convolutions.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0
        self.flops = 0
        self._now = 0
        self._known: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        inputs = {id(t.untyped_storage()) for t in tree_iter((args, kwargs)) if _is_tensor(t)}
        made = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.flops += formula(*args, **(kwargs or {}), out_val=made)
        for tensor in tree_iter(made):
            if _is_tensor(tensor):
                storage = tensor.untyped_storage()
                if id(storage) not in inputs and storage not in self._known:
                    size = storage.nbytes()
                    self._known[storage] = size
                    self._now += size
                    weakref.finalize(storage, self._free, size)
        self.bytes = max(self.bytes, self._now)
        return made

    def _free(self, size: int) -> None:
        self._now -= size


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
