"""Autoencoder and prior together, once they are trained: arrays in, arrays out.

Everything is computed in chunks of one size, so that no batch size changes an image, and pixels in
float32. Codes are drawn in float64 where the device has it (see :func:`brainzoo_vqvae.prior.draw`).
"""

# ruff: noqa: TID253 (imported by generator only)

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from brainzoo_vqvae.networks import Autoencoder
from brainzoo_vqvae.prior import Prior, draw

CHUNK = {2: 16, 3: 2}
"""Images computed at once, by spatial rank."""


class Model(nn.Module):
    """What a checkpoint holds.

    Args:
        autoencoder: Image to codes and back.
        prior: Which codes follow which.
    """

    def __init__(self, autoencoder: Autoencoder, prior: Prior) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.prior = prior

    @property
    def chunk(self) -> int:
        """Images computed at once."""
        return CHUNK[len(self.autoencoder.spatial)]

    def encode(self, pixels: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the codes ``(image, *latent)`` of images ``(image, channel, *spatial)``."""

        def encode(chunk: torch.Tensor, start: int) -> torch.Tensor:
            latents = self.autoencoder.encode(chunk * 2 - 1)
            codes: torch.Tensor = self.autoencoder.quantiser(latents).codes
            return codes

        return self._by_chunks(encode, pixels)

    def decode(self, codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the images ``(image, channel, *spatial)`` in [0, 1] of codes."""
        return self._by_chunks(lambda chunk, start: self._pixels(chunk), codes)

    def log_probabilities(
        self, codes: NDArray[np.int64], told: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the prior's log-probability of each code after those before it, in nats.

        Args:
            codes: ``(image, *latent)``.
            told: Encoded condition of each, ``(image, numbers)``.
        """

        def look_up(chunk: torch.Tensor, start: int) -> torch.Tensor:
            flat = chunk.flatten(1)
            condition = self._rows(told, start, self.prior.head.weight)
            logs = self.prior(flat, condition).log_softmax(2)
            own: torch.Tensor = logs.gather(2, flat[..., None])
            return own.view(chunk.shape)

        return self._by_chunks(look_up, codes)

    def draw(
        self,
        kept: NDArray[np.int64],
        told: NDArray[np.float32],
        *,
        seed: int,
        start: int = 0,
        **how: Any,
    ) -> NDArray[np.int64]:
        """Draw codes for the samples ``start`` and following of a seed.

        Args:
            kept: ``(image, *latent)``; -1 where a code is to be drawn.
            told: Encoded condition of each, ``(image, numbers)``.
            seed: Seed of the samples; what is drawn depends on it and a sample's index only.
            start: Index of the first sample.
            how: ``temperature``, ``top_k``, ``top_p`` of :func:`brainzoo_vqvae.prior.draw`.
        """
        device = next(self.prior.parameters()).device
        exact = copy.deepcopy(self.prior)
        exact = exact if device.type == "mps" else exact.double()

        def choose(chunk: torch.Tensor, first: int) -> torch.Tensor:
            chosen = chunk.flatten(1)
            rows = [
                np.random.default_rng(np.random.SeedSequence([seed, index])).random(exact.length)
                for index in range(start + first, start + first + len(chunk))
            ]
            like = exact.head.weight
            uniforms = torch.from_numpy(np.stack(rows)).to(like)
            condition = self._rows(told, first, like)
            return draw(exact, condition, uniforms, given=chosen, **how).view(chunk.shape)

        return self._by_chunks(choose, kept)

    def _rows(self, told: NDArray[np.float32], start: int, like: torch.Tensor) -> torch.Tensor:
        """Return the encoded conditions of a chunk, filled up as :meth:`_by_chunks` does."""
        own = told[start : start + self.chunk]
        return torch.from_numpy(np.pad(own, [(0, self.chunk - len(own)), (0, 0)])).to(like)

    def _pixels(self, codes: torch.Tensor) -> torch.Tensor:
        made = self.autoencoder.decode(self.autoencoder.quantiser.look_up(codes))
        return (made * 0.5 + 0.5).clamp(0, 1)

    @torch.inference_mode()
    def _by_chunks(
        self, compute: Callable[[torch.Tensor, int], torch.Tensor], values: NDArray[Any]
    ) -> NDArray[Any]:
        """Compute chunks of always the same size; the last one is filled up with zeros."""
        device = next(self.parameters()).device
        done = []
        for start in range(0, len(values), self.chunk):
            own = values[start : start + self.chunk]
            missing = [(0, self.chunk - len(own))] + [(0, 0)] * (own.ndim - 1)
            chunk = torch.from_numpy(np.pad(own, missing)).to(device)
            done.append(compute(chunk, start)[: len(own)].cpu().contiguous().numpy())
        return np.concatenate(done)
