"""What a flow makes of images that are there: scores, reconstructions and edits.

:mod:`brainzoo_flow.model` has how it learns and draws.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from brainzoo.api import DataError, Reconstruction, Reconstructs, Value
from brainzoo.training import latents
from brainzoo_flow import path
from brainzoo_flow.edits import STEPS, inpainted, translated
from brainzoo_flow.model import Floats, FlowModel, Rows, as_is
from brainzoo_flow.networks import FlowNetwork

RECONSTRUCTED_FROM = 0.5
"""The time that images are noised to before they are reconstructed: 0 would be all noise."""


class Flow(FlowModel, Reconstructs):
    """A rectified flow that scores, reconstructs and edits images."""

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
            return path.score(self.denoiser(network, given), image, noise)

        return self.of_chunks(self.ready(), scored, pixels, conditions)

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
                self.denoiser(network, given),
                path.between(noise, image, time),
                steps=max(1, self.config.steps // 2),
                solver=self.config.solver,
                begin=RECONSTRUCTED_FROM,
            )
            return network.packing.inverse(back)

        return Reconstruction(_grey(self.of_chunks(self.ready(), made, pixels, conditions)))

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
            image, denoise = network.packing(some), self.denoiser(network, given)
            total = torch.zeros_like(some)
            for number, time in enumerate(path.SCORE_TIMES):
                noise = self.noise(network, seed + number * 1_000_003, at, len(some)).to(image)
                times = torch.full((len(image),), time, device=image.device)
                found = denoise(path.between(noise, image, times), times)
                total += (network.packing.inverse(found) - some).abs()
            return total / (2 * len(path.SCORE_TIMES))  # of [-1, 1]

        back = self.reconstruct(pixels, conditions=conditions).mean
        return {
            "reconstruction error": np.abs(pixels - back),
            "denoising error": self.of_chunks(
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
            mask: Where to fill in: ``(image, *spatial)``, or ``(image, channel, *spatial)`` to keep
                some channels, such as the label map of a lesion that is to appear.
            seed: Decides what is filled in.
            conditions: What is known of each image.

        Returns:
            As ``pixels``; outside of the mask they are the very same.

        Raises:
            DataError: Pixels or mask are of another shape than the training images.
        """
        inside = mask[:, None] if mask.ndim == pixels.ndim - 1 else mask
        if inside.shape not in (pixels.shape, (len(pixels), 1, *pixels.shape[2:])):
            raise DataError(
                f"the mask is {mask.shape}; expected {(len(pixels), *pixels.shape[2:])}."
            )
        inside = np.broadcast_to(inside, pixels.shape)

        def made(
            network: FlowNetwork, some: torch.Tensor, given: torch.Tensor, at: int
        ) -> torch.Tensor:
            here = torch.from_numpy(inside[at : at + len(some)].copy()).to(some.device)
            noise = self.noise(network, seed, at, len(some), STEPS * self.config.steps).to(some)
            denoise = self.denoiser(network, given, self.config.guidance)
            return inpainted(network.packing, denoise, some, here, noise)

        filled = _grey(self.of_chunks(self.ready(), made, pixels, conditions, counted=True))
        return np.where(inside, filled, pixels).astype(np.float32)

    def translate(
        self,
        pixels: Floats,
        condition: Mapping[str, Value],
        *,
        conditions: Rows | None = None,
        strength: float = 0.9,
        guidance: float = 5.0,
    ) -> Floats:
        """Return the same people under another condition, such as an older age.

        Each image flows backwards under its own condition, and forwards under the new one.

        Args:
            pixels: ``(image, channel, *spatial)`` in [0, 1].
            condition: What is to change: ``{"age": 80}``.
            conditions: What is known of each image now; it is kept where it is not changed.
            strength: How far back towards noise, from 0 to 1: more changes more.
            guidance: How much the new condition is exaggerated. What is kept of a person speaks
                for the old one: with 1, ages change a tenth of what they do in people.

        Raises:
            DataError: The pixels are of another shape than the training images.
            OptionError: The model has no such condition.
        """
        changed = self.known.check(condition)
        before = [dict(row) for row in conditions or [{}] * len(pixels)]
        after = as_is(torch.from_numpy(self.known.encode([{**r, **changed} for r in before])))

        def made(
            network: FlowNetwork, some: torch.Tensor, given: torch.Tensor, at: int
        ) -> torch.Tensor:
            there = after[at : at + len(some)].to(some.device)
            return translated(
                network.packing,
                self.denoiser(network, given),
                self.denoiser(network, there, guidance),
                some,
                strength,
                self.config.steps,
            )

        return _grey(self.of_chunks(self.ready(), made, pixels, before, counted=True))


def _grey(values: Floats) -> Floats:
    """Return values of [-1, 1] in [0, 1]."""
    grey: Floats = np.clip(values * 0.5 + 0.5, 0, 1)
    return grey
