"""What a training would take, found without doing it: parameters, memory, and which steps differ.

The generator's own networks and losses run once on tensors that have shapes and no numbers
(``FakeTensorMode``), so that 160 × 224 × 160 voxels need no memory to be asked about. Every tensor
made on the way is counted while it lives: the peak is what the real step would hold. How long steps
take is measured with real ones (:mod:`brainzoo.training.timing`); their arithmetic, counted here,
tells which of them have to be measured.
"""

from __future__ import annotations

import dataclasses
import itertools
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from numpy import float32, int64
from numpy.typing import NDArray
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import flop_registry

from brainzoo.data.images import Images
from brainzoo.plugin.run import Run
from brainzoo.training.devices import Compute, compute
from brainzoo.training.step import Step

if TYPE_CHECKING:
    from brainzoo.training.loop import Phase

NUMBERS = 16
"""Steps in a row that are looked through for what only some of them do, such as penalties."""
PARTS = 64
"""Parts of the budget, at whose bounds steps may begin to take another time."""
ALIKE = 0.01
"""Steps whose arithmetic differs by less than this share are taken for equal."""


class Estimated(Exception):
    """Ends a fit that was only to be estimated; no error, but how the answer leaves it.

    Attributes:
        estimate: What was found.
    """

    def __init__(self, estimate: dict[str, Any]) -> None:
        super().__init__("estimated, not trained")
        self.estimate = estimate


@dataclasses.dataclass(frozen=True)
class Asked:
    """What :func:`brainzoo.training.fit` was called with; see there."""

    phases: Sequence[Phase]
    images: Images
    run: Run
    averaged: nn.Module
    sample: Callable[[nn.Module], NDArray[float32]]
    batch_size: Callable[[float], int] | None = None
    labels: NDArray[int64] | None = None

    def size(self, progress: float) -> int:
        """Return the images of a step when this fraction of the budget is spent."""
        return self.batch_size(progress) if self.batch_size else self.run.train.batch_size

    def acting(self, progress: float) -> list[Phase]:
        """Return the phases of a step when this fraction of the budget is spent."""
        return [phase for phase in self.phases if phase.acts(progress)]


@dataclasses.dataclass(frozen=True)
class Stage:
    """A part of the budget in which steps take the same time, or one of a few in turn.

    Attributes:
        start: The fraction of the budget at which it begins.
        end: The fraction of the budget at which it ends.
        phases: Names of the phases that act.
        batch_size: Images a step.
        kinds: Numbers of steps that stand for all, each with the share of steps that are like it.
        gflop: Arithmetic of an image in the second step, which has no lazy penalty.
    """

    start: float
    end: float
    phases: tuple[str, ...]
    batch_size: int
    kinds: tuple[tuple[int, float], ...]
    gflop: float

    @property
    def middle(self) -> float:
        """The fraction of the budget in the middle of it."""
        return (self.start + self.end) / 2


@contextmanager
def without_memory() -> Iterator[None]:
    """Build networks and compute in shapes only, within a block."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def estimate(asked: Asked) -> dict[str, Any]:
    """Return what training takes; called by :func:`brainzoo.training.fit` within such a block.

    For memory each phase is asked at the end of its share of the budget, where growing networks are
    largest.

    Returns:
        ``parameters`` by phase; in bytes: ``networks``, ``average``, ``optimizers`` and ``step``
        (activations and gradients: the most that a step holds beside them); ``stages``, a list of
        :class:`Stage`.
    """
    look = _Look(asked)
    peaks = [look.step([phase], 0, phase.end * (1 - 1e-6)).bytes for phase in asked.phases]
    parameters = {p.name: sum(x.numel() for x in p.network.parameters()) for p in asked.phases}
    return {
        "parameters": parameters,
        "networks": sum(_bytes(phase.network) for phase in asked.phases),
        "average": _bytes(asked.averaged),
        "optimizers": sum(
            2 * p.numel() * p.element_size()
            for phase in asked.phases
            for p in phase.network.parameters()
        ),
        "step": max(peaks),
        "stages": look.stages(),
    }


class _Look:
    """Does parts of steps in shapes only, and tells what they cost."""

    def __init__(self, asked: Asked) -> None:
        train = asked.run.train
        self._asked = asked
        # Shapes need no accelerator, and losses may ask what device they are on.
        self._machine = Compute(torch.device("cpu"), compute(train.device, train.precision).dtype)
        self._known: dict[float, tuple[Any, ...]] = {}

    def step(self, phases: Sequence[Phase], number: int, progress: float) -> _Counts:
        """Do one part of a step of these phases; return what it took."""
        asked, machine = self._asked, self._machine
        size = asked.size(progress) // asked.run.train.accumulate
        counts = _Counts()
        with counts:
            pixels = torch.zeros(size, asked.images.channels, *asked.images.spatial)
            pixels = machine.tensor(pixels)
            labels = torch.zeros(size, dtype=torch.long)
            step = Step(asked.run.train.seed, 0, machine.device, number=number, progress=progress)
            for phase in phases:
                for other in asked.phases:
                    other.network.requires_grad_(other is phase)
                phase.network.zero_grad(set_to_none=True)
                with machine.autocast():
                    loss, _ = phase.loss(pixels, labels, step)
                loss.backward()  # type: ignore[no-untyped-call]
        return counts

    def stages(self) -> list[Stage]:
        """Return the parts of the budget in which steps are alike."""
        bounds = [0, *self._bounds(0, PARTS - 1), PARTS]
        found: list[Stage] = []
        kinds: dict[tuple[str, ...], tuple[tuple[int, float], ...]] = {}
        # From the end: there networks are grown, and what only some steps do is found.
        for first, last in reversed(list(itertools.pairwise(bounds))):
            progress = (first + last) / 2 / PARTS
            acting = self._asked.acting(progress)
            names = tuple(phase.name for phase in acting)
            if names not in kinds:
                kinds[names] = self._kinds(acting, progress)
            part = self._asked.size(progress) // self._asked.run.train.accumulate
            found.append(
                Stage(
                    first / PARTS,
                    last / PARTS,
                    names,
                    self._asked.size(progress),
                    kinds[names],
                    self._of(last - 1)[2] / part / 1e9,
                )
            )
        return found[::-1]

    def _bounds(self, first: int, last: int) -> list[int]:
        """Return the parts after the first, up to the last, that are unlike the one before.

        Networks only grow and phases follow each other: two equal ends have nothing between them.
        """
        if first == last or _alike(self._of(first), self._of(last)):
            return []
        if last - first == 1:
            return [last]
        middle = (first + last) // 2
        return [*self._bounds(first, middle), *self._bounds(middle, last)]

    def _of(self, part: int) -> tuple[Any, ...]:
        """Return what tells a step of a part of the budget from others."""
        progress = (part + 0.5) / PARTS
        if progress not in self._known:
            acting = self._asked.acting(progress)
            counts = self.step(acting, 1, progress)
            names = tuple(phase.name for phase in acting)
            self._known[progress] = (names, self._asked.size(progress), counts.flops)
        return self._known[progress]

    def _kinds(self, acting: Sequence[Phase], progress: float) -> tuple[tuple[int, float], ...]:
        """Return a step's number for each amount of arithmetic, and the share of such steps."""
        flops = [self.step(acting, number, progress).flops for number in range(NUMBERS)]
        return tuple(
            (flops.index(amount), count / NUMBERS) for amount, count in Counter(flops).items()
        )


def _alike(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Tell whether steps of the same phases and size have about the same arithmetic."""
    return one[:2] == other[:2] and abs(one[2] - other[2]) <= ALIKE * max(one[2], other[2])


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


def _bytes(network: nn.Module) -> int:
    return sum(t.numel() * t.element_size() for t in network.state_dict().values())
