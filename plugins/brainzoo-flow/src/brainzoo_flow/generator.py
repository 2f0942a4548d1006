"""A rectified flow as a brainzoo generator: training, sampling, scores and edits.

Liu et al. 2023 (arXiv 2209.03003), Lipman et al. 2023 (arXiv 2210.02747); differences are in
:mod:`brainzoo_flow.path` and :mod:`brainzoo_flow.networks`.
"""

from __future__ import annotations

import copy
import dataclasses
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
    Reconstruction,
    Reconstructs,
    Run,
    Value,
)
from brainzoo.training import Draw, Phase, Step, TorchGenerator, compute, latents, untrained
from brainzoo_flow import path
from brainzoo_flow.config import BLOCKS, FlowConfig
from brainzoo_flow.edits import inpainted, translated
from brainzoo_flow.first_stage import described, first_stage
from brainzoo_flow.networks import FlowNetwork, UNet
from brainzoo_flow.spaces import Latents, Packing, Space

Floats = NDArray[np.float32]
Rows = Sequence[Mapping[str, Value]]

BETAS = (0.9, 0.99)
WARM_UP = 200
STATISTICS = 512
"""Training images that the packing's scales are taken from, at most."""
RECONSTRUCTED_FROM = 0.5
"""The time that images are noised to before they are reconstructed: 0 would be all noise."""


class Flow(TorchGenerator, Reconstructs):
    """Rectified flow for slices and volumes, conditioned on class, age, sex or nothing."""

    name = "flow"
    config: FlowConfig
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
                    "Train it with --teacher, too, or leave out --first-stage.",
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
            time = path.training_times(step.normal(len(image)), config.time_shift)
            noise = step.normal(*image.shape)
            found = path.errors(self._denoiser(network, given), image, noise, time)
            return found.mean(), {}

        optimizer = torch.optim.AdamW(
            network.unet.parameters(),
            lr=config.lr,
            betas=BETAS,
            weight_decay=config.weight_decay,
            fused=True,
        )
        return [Phase("flow", network.unet, optimizer, loss, warm_up=WARM_UP, clip=1.0)]

    def draw(self, network: FlowNetwork, draw: Draw) -> torch.Tensor:
        """Return images that noise flows to."""
        noise = draw.normal(*self._packed_shape(network))
        denoise = self._denoiser(network, _as_is(draw.conditions), self.config.guidance)
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
        """Return the mean denoising loss of images at fixed times, each with its own noise."""

        def scored(
            network: FlowNetwork, some: torch.Tensor, given: torch.Tensor, at: int
        ) -> torch.Tensor:
            noise = self._noise(network, 0, at, len(some)).to(some)
            return path.score(self._denoiser(network, given), network.packing(some), noise)

        rows = self.conditions_of(images)
        return float(self._of_chunks(network, scored, images.floats(), rows, counted=True).mean())

    def score(self, pixels: Floats, *, conditions: Rows | None = None) -> Floats:
        """Return a proxy of the negative log-likelihood of images: ``(image,)``.

        The denoising loss at fixed times and noises: the same image has the same score.

        Args:
            pixels: ``(image, channel, *spatial)`` in [0, 1].
            conditions: What is known of each image.

        Raises:
            DataError: The pixels are of another shape than the training images.
        """

        def scored(network: FlowNetwork, some: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
            image = network.packing(some)
            # One noise for all: scores of different images can be compared.
            noise = torch.from_numpy(latents(0, 0, 1, image[0].numel(), "normal"))
            noise = noise.view(1, *image.shape[1:]).expand_as(image).to(image)
            return path.score(self._denoiser(network, given), image, noise)

        return self._of_chunks(self.ready(), scored, pixels, conditions)

    def reconstruct(
        self, pixels: Floats, *, batch_size: int = 64, conditions: Rows | None = None
    ) -> Reconstruction:
        """Return images that were noised half of the way and flowed back.

        What training images do not have, such as a lesion, is lost in the noise and not made again
        (Wolleb et al. 2022, arXiv 2203.04306; Wyatt et al. 2022, AnoDDPM).

        Args:
            pixels: ``(image, channel, *spatial)`` in [0, 1].
            batch_size: Changes nothing; images are computed in chunks of one size.
            conditions: What is known of each image.

        Raises:
            DataError: The pixels are of another shape than the training images.
        """

        def made(network: FlowNetwork, some: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
            image = network.packing(some)
            noise = torch.from_numpy(latents(0, 0, 1, image[0].numel(), "normal"))
            noise = noise.view(1, *image.shape[1:]).expand_as(image).to(image)
            time = torch.full((len(image),), RECONSTRUCTED_FROM, device=image.device)
            back = path.solve(
                self._denoiser(network, given),
                path.between(noise, image, time),
                steps=max(1, self.config.steps // 2),
                solver=self.config.solver,
                begin=RECONSTRUCTED_FROM,
            )
            return network.packing.inverse(back)

        return Reconstruction(_grey(self._of_chunks(self.ready(), made, pixels, conditions)))

    def anomaly_scores(
        self, pixels: Floats, *, seed: int = 0, conditions: Rows | None = None
    ) -> dict[str, Floats]:
        """Return the reconstruction error and the denoising error.

        The latter is how far what the network sees in the noised image is from the image, a mean
        over the times of :meth:`score`: of each pixel what that is of the whole image.
        See :meth:`brainzoo.Reconstructs.anomaly_scores`.
        """

        def missed(
            network: FlowNetwork, some: torch.Tensor, given: torch.Tensor, at: int
        ) -> torch.Tensor:
            image, denoise = network.packing(some), self._denoiser(network, given)
            total = torch.zeros_like(some)
            for number, time in enumerate(path.SCORE_TIMES):
                noise = self._noise(network, seed + number * 1_000_003, at, len(some)).to(image)
                times = torch.full((len(image),), time, device=image.device)
                found = denoise(path.between(noise, image, times), times)
                total += (network.packing.inverse(found) - some).abs()
            return total / (2 * len(path.SCORE_TIMES))  # of [-1, 1]

        back = self.reconstruct(pixels, conditions=conditions).mean
        return {
            "reconstruction error": np.abs(pixels - back),
            "denoising error": self._of_chunks(
                self.ready(), missed, pixels, conditions, counted=True
            ),
        }

    def inpaint(
        self,
        pixels: Floats,
        mask: NDArray[np.bool_],
        *,
        seed: int = 0,
        conditions: Rows | None = None,
    ) -> Floats:
        """Return images whose masked pixels are made anew, to fit what is around them.

        Args:
            pixels: ``(image, channel, *spatial)`` in [0, 1].
            mask: ``(image, *spatial)``: where to fill in.
            seed: Decides what is filled in.
            conditions: What is known of each image.

        Returns:
            As ``pixels``; outside of the mask they are the very same.

        Raises:
            DataError: Pixels or mask are of another shape than the training images.
        """
        if mask.shape != (len(pixels), *pixels.shape[2:]):
            raise DataError(
                f"the mask is {mask.shape}; expected {(len(pixels), *pixels.shape[2:])}."
            )
        inside = np.broadcast_to(mask[:, None], pixels.shape)

        def made(
            network: FlowNetwork, some: torch.Tensor, given: torch.Tensor, at: int
        ) -> torch.Tensor:
            here = torch.from_numpy(inside[at : at + len(some)].copy()).to(some.device)
            noise = self._noise(network, seed, at, len(some)).to(some)
            denoise = self._denoiser(network, given, self.config.guidance)
            return inpainted(network.packing, denoise, some, here, noise, self.config.steps)

        filled = _grey(self._of_chunks(self.ready(), made, pixels, conditions, counted=True))
        return np.where(inside, filled, pixels).astype(np.float32)

    def translate(
        self,
        pixels: Floats,
        condition: Mapping[str, Value],
        *,
        conditions: Rows | None = None,
        strength: float = 0.6,
    ) -> Floats:
        """Return the same people under another condition, such as an older age.

        Each image flows backwards under its own condition, and forwards under the new one.

        Args:
            pixels: ``(image, channel, *spatial)`` in [0, 1].
            condition: What is to change: ``{"age": 80}``.
            conditions: What is known of each image now; it is kept where it is not changed.
            strength: How far back towards noise, from 0 to 1: more changes more.

        Raises:
            DataError: The pixels are of another shape than the training images.
            OptionError: The model has no such condition.
        """
        changed = self.known.check(condition)
        before = [dict(row) for row in conditions or [{}] * len(pixels)]
        after = _as_is(torch.from_numpy(self.known.encode([{**r, **changed} for r in before])))

        def made(
            network: FlowNetwork, some: torch.Tensor, given: torch.Tensor, at: int
        ) -> torch.Tensor:
            there = after[at : at + len(some)].to(some.device)
            return translated(
                network.packing,
                self._denoiser(network, given),
                self._denoiser(network, there, self.config.guidance),
                some,
                strength,
                self.config.steps,
            )

        return _grey(self._of_chunks(self.ready(), made, pixels, before, counted=True))

    def _denoiser(
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

    def _noise(self, network: FlowNetwork, seed: int, start: int, count: int) -> torch.Tensor:
        shape = self._packed_shape(network)
        return torch.from_numpy(latents(seed, start, count, int(np.prod(shape)), "normal")).view(
            count, *shape
        )

    @torch.inference_mode()
    def _of_chunks(
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
        given = _as_is(torch.from_numpy(self.known.encode(rows))).to(device)
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


def _as_is(conditions: torch.Tensor) -> torch.Tensor:
    """Return conditions of images that are not augmented."""
    return torch.cat([conditions, conditions.new_zeros(len(conditions), 1)], 1)


def _grey(values: Floats) -> Floats:
    """Return values of [-1, 1] in [0, 1]."""
    grey: Floats = np.clip(values * 0.5 + 0.5, 0, 1)
    return grey
