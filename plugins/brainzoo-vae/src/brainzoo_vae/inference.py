"""What a trained variational autoencoder tells of images: reconstructions, latents, scores, walks.

All results are those of the single image, whatever the batch: always eight images are computed at
once.
"""

# ruff: noqa: TID253 (imported by brainzoo_vae.generator only)

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from brainzoo.api import (
    Conditions,
    DataError,
    NotFoundError,
    OptionError,
    Reconstruction,
    Reconstructs,
    Row,
    Value,
    nearest,
)
from brainzoo.training import CHUNK, compute, latents
from brainzoo_vae import losses
from brainzoo_vae.networks import Networks
from brainzoo_vae.prior import Prior

if TYPE_CHECKING:
    from brainzoo_vae.config import VAEConfig

Floats = NDArray[np.float32]
Rows = Sequence[Mapping[str, Value]]


class Inference(Reconstructs):
    """The part of the generator that looks at images; the generator sets what it needs."""

    config: VAEConfig
    _networks: Networks | None
    _prior: Prior | None
    _known: Conditions
    _training: dict[str, Any]
    _device: str

    def reconstruct(
        self, pixels: Floats, *, batch_size: int = 64, conditions: Rows | None = None
    ) -> Reconstruction:
        """Return what the model makes of images: the decoded mean of each latent.

        Args:
            pixels: ``(image, channel, *spatial)`` in [0, 1].
            batch_size: Changes nothing; images are computed in chunks of one size.
            conditions: What is known of each image: ``[{"age": 71, "sex": "F"}, ...]``.

        Raises:
            DataError: The pixels are of another shape than the training images.
        """
        networks = self._placed()

        def make(some: torch.Tensor, told: torch.Tensor) -> tuple[torch.Tensor, ...]:
            mean, log_std = networks.decode(networks.encoder(some, told)[0], told)
            return mean, log_std.exp().expand_as(mean)

        mean, std = self._in_chunks(make, self._expected(pixels), self._told(conditions, pixels))
        return Reconstruction(mean, std)

    def encode(self, pixels: Floats, *, conditions: Rows | None = None) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of the latents of images, ``(image, latent)`` each.

        Args:
            pixels: ``(image, channel, *spatial)`` in [0, 1].
            conditions: What is known of each image; ``None`` if nothing.

        Raises:
            DataError: The pixels are of another shape than the training images.
        """
        networks = self._placed()

        def make(some: torch.Tensor, told: torch.Tensor) -> tuple[torch.Tensor, ...]:
            mean, log_std = networks.encoder(some, told)
            return mean, log_std.exp()

        mean, std = self._in_chunks(make, self._expected(pixels), self._told(conditions, pixels))
        return mean, std

    def decode(self, latent: Floats, *, conditions: Rows | None = None) -> Floats:
        """Return the images of latents: ``(image, channel, *spatial)`` in [0, 1].

        Args:
            latent: ``(image, latent)``, for example from :meth:`encode`.
            conditions: What each image shall be; ``None`` leaves it to the latent.

        Raises:
            DataError: The latents are of another length.
        """
        self._placed()
        if latent.ndim != 2 or latent.shape[1] != self.config.latent:
            raise DataError(
                f"latents have shape {latent.shape}; expected (image, {self.config.latent})."
            )
        return self._decoded(latent, [{}] * len(latent) if conditions is None else conditions)

    def traverse(
        self,
        column: str,
        values: Sequence[Value],
        *,
        n: int = 8,
        seed: int = 0,
        condition: Mapping[str, Value] | None = None,
        pixels: Floats | None = None,
        conditions: Rows | None = None,
    ) -> Floats:
        """Return the same heads at other values of a condition: a walk along age, for example.

        What a head is besides its conditions stays. Latents are moved along the regression that the
        prior holds, and the decoder is told the new value.

        Args:
            column: The condition that changes, for example ``"age"``.
            values: What it takes in turn.
            n: How many synthetic heads, if no ``pixels`` are given.
            seed: Decides them.
            condition: What is the same in all synthetic heads; the rest is drawn for each, and
                stays while the column changes (mind classes that are made of it).
            pixels: Real heads ``(image, channel, *spatial)`` to change instead.
            conditions: What is known of each of them.

        Returns:
            ``(image, value, channel, *spatial)`` in [0, 1].

        Raises:
            OptionError: The model does not know the column or a value.
            DataError: The pixels are of another shape than the training images.
        """
        self._placed()
        if column not in self._known.names:
            raise OptionError(
                f"this model is not conditioned on {column!r}.", nearest(column, self._known.names)
            )
        if pixels is None:
            rows = self._known.draw(n, seed=seed, condition=condition)
            rest = self._residuals(seed, n)
        else:
            told = [{}] * len(pixels) if conditions is None else conditions
            rows = [dict(row) for row in told]
            latent, _ = self.encode(pixels, conditions=rows)
            rest = latent - self._shift(rows)
        made = []
        for value in values:
            changed: list[Row] = [{**row, **self._known.check({column: value})} for row in rows]
            made.append(self._decoded(rest + self._shift(changed), changed))
        return np.stack(made, axis=1) if made else np.empty((len(rows), 0), np.float32)

    def log_probability(
        self, pixels: Floats, *, draws: int = 16, seed: int = 0, conditions: Rows | None = None
    ) -> Floats:
        """Return the reconstruction probability of each pixel, as a logarithm of its density.

        An and Cho 2015, "Variational Autoencoder based Anomaly Detection using Reconstruction
        Probability", algorithm 4: the likelihood of the image, averaged over latents drawn from its
        encoder's Gaussian. The mean over the pixels is the image's score.

        Args:
            pixels: ``(image, channel, *spatial)`` in [0, 1].
            draws: Latents of each image.
            seed: Decides them, together with an image's position.
            conditions: What is known of each image.

        Returns:
            Of the shape of ``pixels``; low where something does not belong.
        """
        networks = self._placed()
        total = np.zeros(pixels.shape, np.float64)
        for draw in range(draws):
            noise = latents(seed + draw * 1_000_003, 0, len(pixels), self.config.latent, "normal")

            def make(
                some: torch.Tensor, told: torch.Tensor, own: torch.Tensor
            ) -> tuple[torch.Tensor, ...]:
                mean, log_std = networks.encoder(some, told)
                made, log_pixel_std = networks.decode(mean + log_std.exp() * own, told)
                return (losses.log_likelihood(some, made, log_pixel_std),)

            told = self._told(conditions, pixels)
            total += self._in_chunks(make, self._expected(pixels), told, noise)[0]
        return (total / max(1, draws)).astype(np.float32)

    def divergence_gradient(self, pixels: Floats, *, conditions: Rows | None = None) -> Floats:
        """Return how much each pixel matters for the divergence of the latent from N(0, I).

        Zimmerer et al. 2018 (ceVAE), section 2.3: the absolute gradient of the KL divergence with
        respect to the pixels, which they multiply by the reconstruction error.

        Args:
            pixels: ``(image, channel, *spatial)`` in [0, 1].
            conditions: What is known of each image.

        Returns:
            Of the shape of ``pixels``, not negative.
        """
        networks = self._placed()

        def make(some: torch.Tensor, told: torch.Tensor) -> tuple[torch.Tensor, ...]:
            with torch.inference_mode(False), torch.enable_grad():
                watched = some.clone().requires_grad_()
                divergence = losses.divergence(*networks.encoder(watched, told.clone())).sum()
                return (torch.autograd.grad(divergence, watched)[0].abs(),)

        told = self._told(conditions, pixels)
        return self._in_chunks(make, self._expected(pixels), told)[0]

    def combined_score(self, pixels: Floats, *, conditions: Rows | None = None) -> Floats:
        """Return ceVAE's score of each pixel: reconstruction error times divergence gradient.

        Args:
            pixels: ``(image, channel, *spatial)`` in [0, 1].
            conditions: What is known of each image.

        Returns:
            Of the shape of ``pixels``; high where something does not belong.
        """
        error = np.abs(pixels - self.reconstruct(pixels, conditions=conditions).mean)
        score: Floats = error * self.divergence_gradient(pixels, conditions=conditions)
        return score

    def anomaly_scores(
        self, pixels: Floats, *, seed: int = 0, conditions: Rows | None = None
    ) -> dict[str, Floats]:
        """Return error, reconstruction probability (negated) and ceVAE's combined score.

        See :meth:`brainzoo.Reconstructs.anomaly_scores`, :meth:`log_probability` and
        :meth:`combined_score`.
        """
        error = np.abs(pixels - self.reconstruct(pixels, conditions=conditions).mean)
        return {
            "reconstruction error": error,
            "reconstruction probability": -self.log_probability(
                pixels, seed=seed, conditions=conditions
            ),
            "combined score": error * self.divergence_gradient(pixels, conditions=conditions),
        }

    def _placed(self) -> Networks:
        """Return the trained networks, on their device."""
        if self._networks is None:
            raise NotFoundError("this vae is not trained yet.", "Call fit or load first.")
        compute(self._device).place(self._networks)
        return self._networks

    def _decoded(self, latent: Floats, rows: Rows) -> Floats:
        networks = self._placed()

        def make(some: torch.Tensor, told: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return (networks.decode(some, told)[0],)

        return self._in_chunks(make, latent, self._known.encode(rows))[0]

    def _residuals(self, seed: int, n: int) -> Floats:
        if self._prior is None:
            return latents(seed, 0, n, self.config.latent, "normal")
        return self._prior.residuals(seed, 0, n)

    def _shift(self, rows: Rows) -> Floats:
        if self._prior is None:
            return np.zeros((len(rows), self.config.latent), np.float32)
        return self._prior.shift(self._known.encode(rows))

    def _told(self, conditions: Rows | None, pixels: Floats) -> Floats:
        rows = [{}] * len(pixels) if conditions is None else conditions
        if len(rows) != len(pixels):
            raise DataError(f"{len(pixels)} images but conditions of {len(rows)}.")
        return self._known.encode(rows)

    def _expected(self, pixels: Floats) -> Floats:
        shape = self._training["images"]
        expected = (shape["channels"], *shape["spatial"])
        if pixels.shape[1:] != expected:
            raise DataError(
                f"images have shape {pixels.shape[1:]}; this model was trained on {expected}.",
                "Prepare them as the checkpoint's config.json says (preprocessing).",
            )
        return np.asarray(pixels, np.float32)

    @torch.inference_mode()
    def _in_chunks(
        self, make: Callable[..., tuple[torch.Tensor, ...]], *inputs: Floats
    ) -> list[Floats]:
        """Call ``make`` on chunks of always eight images and return its results, joined.

        In float32: bf16 would leave 8 bits of grey and tie the results to one kind of hardware.
        """
        device = next(self._placed().parameters()).device
        n, results = len(inputs[0]), list[tuple[Floats, ...]]()
        for start in range(0, max(n, 1), CHUNK):
            chunk = []
            for values in inputs:
                some = np.zeros((CHUNK, *values.shape[1:]), np.float32)
                some[: min(CHUNK, n - start)] = values[start : start + CHUNK]
                chunk.append(torch.from_numpy(some).to(device))
            made = make(*chunk)
            results.append(tuple(t.cpu().contiguous().numpy()[: n - start] for t in made))
        return [np.concatenate(parts) for parts in zip(*results, strict=True)]
