"""A generator of torch networks that learns: all that such generators have in common.

A subclass says how its networks are built, how they learn and how numbers become images; docs/
plugins.md has one in a single file.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import numpy as np
import torch

from brainzoo import checkpoint
from brainzoo.checkpoint.config import MOST_AT_ONCE
from brainzoo.common.errors import OptionError
from brainzoo.data.conditions import Conditions
from brainzoo.data.images import Images
from brainzoo.data.packing import label_values
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.options import plain
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.training.distance import membership, sliced_wasserstein
from brainzoo.training.loop import fit
from brainzoo.training.model import Floats, TorchModel, config_of
from brainzoo.training.phase import Phase
from brainzoo.training.step import seeded


class TorchGenerator(TorchModel):
    """Trains, samples, saves and loads what a subclass builds.

    A subclass sets :attr:`name` and defines :meth:`build`, :meth:`phases` and :meth:`draw`; the
    other public methods have defaults that it may replace. If its configuration has an option
    ``covariates``, the model is conditioned on those columns besides the class. What
    :attr:`extra` holds is set in :meth:`finish`.

    Attributes:
        pixels_at_once: If it is not 0, as many samples of slices are computed at once as have so
            many pixels, at most 64. Small networks spend more time on calls than on arithmetic. A
            checkpoint keeps the number, so that its samples keep their bits.
        grid_images: Samples of a sample grid.
    """

    teachable = True
    pixels_at_once: ClassVar[int] = 0
    grid_images: int = 64

    @abstractmethod
    def phases(self, network: Any, images: Images, run: Run) -> Sequence[Phase]:
        """Return how the networks learn; further networks (a discriminator) are made here.

        Losses get pixels ``(batch, channel, *spatial)`` in [-1, 1], encoded conditions ``(batch,
        known.width)`` and a :class:`brainzoo.training.Step`. Parts of ``network`` that no phase
        trains, such as a first stage that was trained before, stay as they are.
        """

    def batch_size(self, progress: float, train: TrainConfig) -> int:
        """Return the images of a step when this fraction of the budget is spent."""
        return train.batch_size

    def grid(self, network: Any, images: Images) -> Floats:
        """Return the images ``(image, channel, *spatial)`` in [0, 1] of a sample grid."""
        return self._made(network, 0, self.grid_images)

    def watch(self, network: Any, training: Images, validation: Images) -> Mapping[str, float]:
        """Return what else to write down with each score.

        By default ``membership``: how well people that the model has seen can be told from others
        by how near samples come to them (:func:`brainzoo.training.distance.membership`).
        """
        made = torch.from_numpy(self._made(network, 1, len(validation)))
        seen, others = (torch.from_numpy(images.floats()) for images in (training, validation))
        return {"membership": membership(seen, others, made)}

    def validate(self, network: Any, images: Images) -> float:
        """Return how badly a network, of averaged weights, fits a few images; lower is better.

        Training keeps the weights that fit validation images best. By default this is the sliced
        Wasserstein distance between the images and as many samples. A model with a likelihood, or
        a loss that means as much, replaces it, always with the same random numbers
        (:func:`latents`).
        """
        made = torch.from_numpy(self._made(network, 1, len(images)))
        return sliced_wasserstein(torch.from_numpy(images.floats()), made)

    def _made(self, network: Any, seed: int, n: int) -> Floats:
        chunk = self.sample_chunk
        made = [self.samples(network, seed, start, chunk) for start in range(0, n, chunk)]
        return np.concatenate(made)[:n]

    def finish(self, network: Any, images: Images, run: Run) -> None:
        """Do what remains after training: set :attr:`extra`, fit a prior to latents."""

    def fit(self, images: Images, run: Run) -> None:
        """Train on all of ``images``, or on a teacher's samples in their place (``run.lessons``).

        See :func:`brainzoo.training.fit`. Where ``run.start`` is set, the network begins with the
        weights of that checkpoint; what it does not hold, such as a discriminator, begins anew.
        """
        if hasattr(self.config, "check_spatial"):
            self.config.check_spatial(images.spatial)
        self._device = run.train.device
        begun = None if run.start is None else self.load(run.start)
        covariates = getattr(self.config, "covariates", ())
        self.known = Conditions.of(images, covariates, begun=begun.known if begun else None)
        self._training = checkpoint.describe_training(images)
        self._training["conditions"] = self.known.describe()
        if run.lessons is not None:
            self._training["trained_on"]["teacher"] = {
                "generator": run.lessons.info["generator"]["name"],
                "checkpoint_sha256": run.lessons.info["checkpoint_sha256"],
                "samples": len(run.lessons),
            }
            images = run.lessons
        if run.start is not None:
            self._training["trained_on"]["start"] = checkpoint.describe_start(run.start)
        self.shape = (images.channels, *images.spatial)
        self.label_values = label_values(images.info) if images.label_channels else ()
        with seeded(run.train.seed):
            network = self.build(self.shape)
            phases = self.phases(network, images, run)
        if begun is not None:
            self._copy_weights(begun, network)
        if self.pixels_at_once and len(images.spatial) == 2:
            fitting = self.pixels_at_once // int(np.prod(images.spatial))
            self._sample_chunk = min(max(fitting, self.chunk), MOST_AT_ONCE)
        self.network = fit(
            phases,
            images,
            run,
            network=network,
            sample=lambda average: self.grid(average, images),
            batch_size=lambda progress: self.batch_size(progress, run.train),
            labels=self.known.encode(self.known.rows_of(images.table)),
            score=self.validate,
            watch=self.watch,
        )
        self.finish(self.network, images, run)

    def _copy_weights(self, begun: TorchModel, network: Any) -> None:
        """Fill a network that is about to be trained with the weights of a trained model."""
        try:
            network.load_state_dict(begun.ready().state_dict())
        except RuntimeError:  # its message has a line for each tensor
            theirs, ours = plain(begun.config), plain(self.config)
            other = [f"{k} is {v}" for k, v in theirs.items() if v != ours.get(k)]
            raise OptionError(
                "the weights of --start do not fit this network.",
                f"Train as it was: {'; '.join(other) or f'on {begun.shape}, not {self.shape}'}.",
            ) from None


def untrained(name: str, hyperparameters: Mapping[str, Any]) -> TorchGenerator:
    """Return a generator of any plugin, as another one holds it: a first stage, for example.

    Raises:
        NotFoundError: No plugin offers it.
        OptionError: It has no such hyperparameters.
    """
    made = plugins().load("generator", name)(config_of(name, hyperparameters))
    return cast(TorchGenerator, made)
