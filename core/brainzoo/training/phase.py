"""What happens in a step: each acting phase updates its network once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import torch
from torch import nn

from brainzoo.common import launch
from brainzoo.plugin.run import Run
from brainzoo.training.augment import Augmentation
from brainzoo.training.devices import Compute
from brainzoo.training.distribution import Processes
from brainzoo.training.feed import Feed
from brainzoo.training.state import Tensors
from brainzoo.training.step import Step, number_of

Loss = Callable[[torch.Tensor, torch.Tensor, Step], tuple[torch.Tensor, dict[str, torch.Tensor]]]
"""Takes pixels ``(batch, channel, *spatial)`` in [-1, 1], encoded conditions ``(batch, numbers)``
(the ``labels`` of :func:`fit`) and the :class:`Step`; returns a scalar loss and figures to log."""


@dataclasses.dataclass(frozen=True)
class Phase:
    """One update of one network within a step; a GAN has two, an autoencoder one.

    A phase may act in a part of the budget only: a model of two stages is two phases, one after the
    other. Whichever is at work, the state holds both, so that a run resumes in either.

    Attributes:
        name: What the loss is called in ``stats.jsonl``.
        network: What is trained; the networks of the other phases are frozen meanwhile.
        optimizer: Over the parameters of ``network``.
        start: The fraction of the budget from which on it acts, up to ``end``.
        warm_up: Steps over which the learning rate rises linearly at the beginning.
        clip: The most that the norm of the gradient may be; a longer one is shortened.
        averaged: Whether samples come from a moving average of its weights.
    """

    name: str
    network: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Loss
    start: float = 0.0
    end: float = 1.0
    warm_up: int = 0
    clip: float | None = None
    averaged: bool = True

    def acts(self, progress: float) -> bool:
        """Return whether it acts when this fraction of the budget is spent."""
        return self.start <= progress < self.end


def train_step(
    phases: Sequence[Phase],
    feed: Feed,
    run: Run,
    machine: Compute,
    processes: Processes,
    batch_size: int,
    seen: int,
    number: int,
    progress: float,
) -> dict[str, torch.Tensor]:
    """Run every acting phase once on the next batch; return figures averaged over its parts."""
    train, count, index = run.train, processes.count, processes.index
    launch.expect_shareable(batch_size, train.accumulate)
    step = Step(train.seed, seen, machine.device, index, count, number=number, progress=progress)
    # For layers with randomness of their own, such as dropout.
    torch.manual_seed(number_of("layers", train.seed, seen, index))
    # Every n-th image: those of a part, and of a group of minibatch statistics, stay together.
    pixels, classes = feed.batch(seen + index, batch_size // count, count)
    augmentation = Augmentation(train, feed.spacing_mm, feed.label_channels)
    pixels, augmented = augmentation(pixels.to(machine.device), step)
    whole = (machine.tensor(pixels * 2 - 1), classes.to(machine.device), augmented)
    parts = list(zip(*(values.chunk(train.accumulate) for values in whole), strict=True))
    figures: dict[str, torch.Tensor] = {}
    for phase in (p for p in phases if p.acts(progress)):
        for other in phases:
            other.network.requires_grad_(other is phase)
        phase.optimizer.zero_grad(set_to_none=True)
        for part_pixels, part_classes, step.augmented in parts:
            with machine.autocast():
                loss, more = phase.loss(part_pixels, part_classes, step)
            (loss / len(parts)).backward()  # type: ignore[no-untyped-call]
            for name, value in {**more, f"{phase.name}_loss": loss}.items():
                figures[name] = figures.get(name, torch.zeros(())) + value.detach() / len(parts)
        processes.average_gradients(phase.network)
        if phase.clip is not None:
            nn.utils.clip_grad_norm_(phase.network.parameters(), phase.clip)
        phase.optimizer.step()
    return figures


def schedule(phases: Sequence[Phase], decay: float, progress: float) -> None:
    """Set the learning rates: rising over the first steps of a phase, falling towards its end."""
    for phase in (p for p in phases if p.acts(progress)):
        left = (phase.end - progress) / (phase.end - phase.start)
        factor = min(1.0, left / decay) if decay else 1.0
        for group in phase.optimizer.param_groups:
            # Kept with the optimiser, and so in the state.
            group["steps"] = group.get("steps", 0) + 1
            rising = min(1.0, group["steps"] / phase.warm_up) if phase.warm_up else 1.0
            group["lr"] = rising * factor * group.setdefault("initial_lr", group["lr"])


def freeze_all_but(phases: Sequence[Phase], network: nn.Module) -> None:
    """Keep the parts of a network that no phase trains as they are."""
    modules = {id(module) for phase in phases for module in phase.network.modules()}
    trained = {id(parameter) for phase in phases for parameter in phase.network.parameters()}
    for module in network.modules():
        module.training &= id(module) in modules
    for parameter in network.parameters():
        parameter.requires_grad_(id(parameter) in trained)


def trained(phases: Sequence[Phase], network: nn.Module, held: nn.Module) -> Tensors:
    """Return what phases train of a network, as another one of the same build holds it."""
    parts = [phase.network.state_dict(keep_vars=True) for phase in phases]
    ids = {id(tensor) for part in parts for tensor in part.values()}
    own = network.state_dict(keep_vars=True)
    tensors = held.state_dict()
    return {name: tensors[name] for name, tensor in own.items() if id(tensor) in ids}
