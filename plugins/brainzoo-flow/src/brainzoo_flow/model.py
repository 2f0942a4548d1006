"""How a rectified flow learns, and how it makes images of noise.

Liu et al. 2023 (arXiv 2209.03003), Lipman et al. 2023 (arXiv 2210.02747); differences are in
:mod:`brainzoo_flow.path` and :mod:`brainzoo_flow.networks`.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from brainzoo.api import (
    DataError,
    Images,
    IntegrityError,
    OptionError,
    Run,
    Value,
)
from brainzoo.training import Draw, Phase, Step, TorchGenerator, compute, latents, untrained
from brainzoo_flow import path
from brainzoo_flow.config import BLOCKS, FlowConfig
from brainzoo_flow.first_stage import described, first_stage
from brainzoo_flow.muon import Muon, hidden_and_others
from brainzoo_flow.networks import FlowNetwork, UNet
from brainzoo_flow.spaces import Latents, Packing, Space

Floats = NDArray[np.float32]
Rows = Sequence[Mapping[str, Value]]

BETAS = (0.9, 0.99)
WARM_UP = 200
SCORED = 64
"""Images that a snapshot is judged by, at most: each is denoised at four times."""
STATISTICS = 512
"""Training images that the packing's scales are taken from, at most."""


class FlowModel(TorchGenerator):
    """Rectified flow for slices and volumes, conditioned on class, age, sex or nothing."""

    name = "flow"
    config: FlowConfig
    pixels_at_once = 2**18
    _stage: Any = None

    def build(self, shape: tuple[int, ...]) -> FlowNetwork:
        """Return packing and U-Net."""
        config, dims = self.config, len(shape) - 1
        packing: Space
        if config.first_stage:
            packing = Latents(self._autoencoder(shape))
        else:
            packing = Packing(dims, shape[0], BLOCKS[config.space])
        unet = UNet(
            dims,
            packing.packed,
            config.widths,
            self.known.width + 1,  # and whether the image is augmented
            config.embedding,
            config.blocks,
            config.attention,
        )
        return FlowNetwork(packing, unet)

    def fit(self, images: Images, run: Run) -> None:
        """Train on all of ``images``, in the latents of the first stage if there is one."""
        if self.config.first_stage:
            self._stage = first_stage(self.config, images)
            if run.lessons is not None and "teacher" not in self._stage.trained_on:
                raise OptionError(
                    f"--first-stage {self.config.first_stage} has seen people; with --teacher "
                    "nothing may have.",
                    "Train it with --teacher, too, or let both learn from people (--teacher '').",
                )
            self.extra = {"first_stage": described(self._stage)}
        super().fit(images, run)
        # Where the first stage lay on this machine is nobody's business.
        name = PurePath(self.config.first_stage).name
        self.config = dataclasses.replace(self.config, first_stage=name)

    def _autoencoder(self, shape: tuple[int, ...]) -> nn.Module:
        """Return the first stage's, trained where this model is being trained."""
        if self._stage is None:
            try:
                stage: Any = untrained(**self.extra["first_stage"])
                return cast(nn.Module, stage.autoencoder(stage.build(shape)))
            except (KeyError, TypeError, AttributeError, OptionError):
                raise IntegrityError(
                    "the checkpoint does not say what its first stage is."
                ) from None
        return cast(nn.Module, copy.deepcopy(self._stage.autoencoder(self._stage.ready())))

    def phases(self, network: FlowNetwork, images: Images, run: Run) -> list[Phase]:
        """Return the one update there is: of the velocity's error at random times."""
        config = self.config
        few = np.linspace(0, len(images) - 1, min(STATISTICS, len(images))).astype(int)
        parts = np.array_split(np.unique(few), max(1, len(few) // 16))
        network.packing.learn([torch.from_numpy(images.floats(p)) * 2 - 1 for p in parts])

        def loss(
            pixels: torch.Tensor, conditions: torch.Tensor, step: Step
        ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
            image = _packed(network, pixels)
            known = step.uniform(len(image), 1) >= config.unknown
            given = torch.cat([conditions * known, step.augmented[:, None]], 1)
            time = path.training_times(
                step.normal(len(image)), config.time_shift, config.time_spread
            )
            noise = step.normal(*image.shape)
            found = path.errors(self.denoiser(network, given), image, noise, time)
            return found.mean(), {}

        optimizer = Muon(
            *hidden_and_others(network.unet.named_parameters(), ends=("enter", "leave")),
            lr=config.lr,
            betas=BETAS,
            weight_decay=config.weight_decay,
        )
        return [Phase("flow", network.unet, optimizer, loss, warm_up=WARM_UP, clip=1.0)]

    def draw(self, network: FlowNetwork, draw: Draw) -> torch.Tensor:
        """Return images that noise flows to."""
        noise = draw.normal(*self._packed_shape(network))
        denoise = self.denoiser(network, as_is(draw.conditions), self.config.guidance)
        with compute(str(noise.device), "bf16" if self.config.fast else "fp32").autocast():
            image = path.solve(denoise, noise, steps=self.config.steps, solver=self.config.solver)
        return network.packing.inverse(image).clamp(-1, 1)

    def exported(
        self, network: FlowNetwork
    ) -> tuple[Callable[..., torch.Tensor], dict[str, torch.Tensor]]:
        """Return the U-Net: what it predicts of packed noisy images, times and conditions.

        The last condition says whether the image is augmented: 0.
        """
        noisy, time = torch.zeros(2, *self._packed_shape(network)), torch.full((2,), 0.5)
        given = torch.zeros(2, self.known.width + 1)
        return network.unet, {"noisy": noisy, "time": time, "conditions": given}

    def watch(self, network: Any, training: Images, validation: Images) -> Mapping[str, float]:
        """Return nothing: samples take long, and the scores' gap says as much."""
        return {}

    def validate(self, network: FlowNetwork, images: Images) -> float:
        """Return the mean denoising loss of some images at fixed times, each with its own noise."""
        images = images[:: math.ceil(len(images) / SCORED)]

        def scored(
            network: FlowNetwork, some: torch.Tensor, given: torch.Tensor, at: int
        ) -> torch.Tensor:
            noise = self.noise(network, 0, at, len(some)).to(some)
            return path.score(self.denoiser(network, given), network.packing(some), noise)

        rows = self.known.rows_of(images.table)
        return float(self.of_chunks(network, scored, images.floats(), rows, counted=True).mean())

    def denoiser(
        self, network: FlowNetwork, given: torch.Tensor, guidance: float = 1.0
    ) -> path.Denoiser:
        """Return what predicts clean images under given conditions."""

        def once(z: torch.Tensor, time: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = network.unet(z, time, of)
            if self.config.prediction == "velocity":
                found = path.image_of(found, z, time)
            return found

        def denoise(z: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
            found = once(z, time, given)
            if guidance != 1.0 and self.known.width:
                without = once(z, time, torch.zeros_like(given))
                found = without + guidance * (found - without)
            return found

        return denoise

    def _packed_shape(self, network: FlowNetwork) -> tuple[int, ...]:
        packing = network.packing
        return (packing.packed, *packing.sides(self.shape[1:]))

    def noise(
        self, network: FlowNetwork, seed: int, start: int, count: int, draws: int | None = None
    ) -> torch.Tensor:
        """Return noise ``(count, *packed)``, or ``(count, draws, *packed)``."""
        shape = (*([draws] if draws else []), *self._packed_shape(network))
        numbers = latents(seed, start, count, int(np.prod(shape)), "normal")
        return torch.from_numpy(numbers).view(count, *shape)

    @torch.inference_mode()
    def of_chunks(
        self,
        network: FlowNetwork,
        work: Any,
        pixels: Floats,
        conditions: Rows | None,
        *,
        counted: bool = False,
    ) -> Floats:
        """Return what ``work`` makes of images, some at a time; ``counted`` passes the index."""
        if pixels.shape[1:] != self.shape:
            raise DataError(f"found images of {pixels.shape[1:]}; expected {self.shape}.")
        rows = [{}] * len(pixels) if conditions is None else conditions
        if len(rows) != len(pixels):
            raise DataError(f"{len(pixels)} images but {len(rows)} conditions; expected as many.")
        device = next(network.parameters()).device
        given = as_is(torch.from_numpy(self.known.encode(rows))).to(device)
        parts = []
        for at in range(0, len(pixels), self.chunk):
            some = torch.from_numpy(pixels[at : at + self.chunk]).to(device) * 2 - 1
            more = (at,) if counted else ()
            parts.append(work(network, some, given[at : at + self.chunk], *more).float().cpu())
        result: Floats = torch.cat(parts).contiguous().numpy()
        return result


def _packed(network: FlowNetwork, pixels: torch.Tensor) -> torch.Tensor:
    """Return packed images in float32: bf16 would round them to 256 levels."""
    with torch.autocast(pixels.device.type, enabled=False):
        packed: torch.Tensor = network.packing(pixels.float())
    return packed


def as_is(conditions: torch.Tensor) -> torch.Tensor:
    """Return conditions of images that are not augmented."""
    return torch.cat([conditions, conditions.new_zeros(len(conditions), 1)], 1)
