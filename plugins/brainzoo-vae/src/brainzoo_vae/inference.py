"""What a trained variational autoencoder does with images: reconstructs, scores, walks by age."""

# ruff: noqa: TID253 (imported by brainzoo_vae.generator only)

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from brainzoo.api import DataError, OptionError, Reconstruction, Reconstructs, Value
from brainzoo.training import TorchGenerator, latents
from brainzoo_vae import losses
from brainzoo_vae.config import VAEConfig
from brainzoo_vae.networks import Model

Floats = NDArray[np.float32]
Rows = Sequence[Mapping[str, Value]]


class Inference(TorchGenerator, Reconstructs):
    """The part of the generator that looks at images."""

    config: VAEConfig

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
        model = self.ready()
        networks = model.networks

        def make(pixels: torch.Tensor, conditions: torch.Tensor) -> tuple[torch.Tensor, ...]:
            latent, _ = networks.encoder(pixels, conditions)
            mean, log_std = networks.decode(latent, conditions)
            return mean, log_std.exp().expand_as(mean)

        return Reconstruction(*self._look(model, make, pixels, conditions))

    def encode(self, pixels: Floats, *, conditions: Rows | None = None) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of the latents of images, ``(image, latent)`` each.

        Args:
            pixels: ``(image, channel, *spatial)`` in [0, 1].
            conditions: What is known of each image; ``None`` if nothing.

        Raises:
            DataError: The pixels are of another shape than the training images.
        """
        return self._encoded(self.ready(), pixels, conditions)

    def decode(self, latent: Floats, *, conditions: Rows | None = None) -> Floats:
        """Return the images of latents: ``(image, channel, *spatial)`` in [0, 1].

        Args:
            latent: ``(image, latent)``, for example from :meth:`encode`.
            conditions: The condition of each image; ``None`` leaves it to the latent.

        Raises:
            DataError: The latents are of another length.
        """
        if latent.ndim != 2 or latent.shape[1] != self.config.latent:
            raise DataError(
                f"latents have shape {latent.shape}; expected (image, {self.config.latent})."
            )
        model, encoded = self.ready(), self.encode_conditions(conditions, len(latent))

        def make(latent: torch.Tensor, conditions: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return (model.networks.decode(latent, conditions)[0],)

        return self.by_chunks(model, make, np.asarray(latent, np.float32), encoded)[0]

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
        prior holds, and the decoder gets the new value.

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
        model = self.ready()
        if column not in self.known.names:
            raise OptionError(
                f"this model is not conditioned on {column!r}.",
                f"Choose one of {', '.join(self.known.names)}." if self.known.names else "",
            )
        rows: list[dict[str, Value]]
        if pixels is None:
            rows = self.known.draw(n, seed=seed, condition=condition)
            rest = model.prior.residuals(seed, 0, n)
        else:
            rows = [dict(row) for row in conditions or [{}] * len(pixels)]
            latent, _ = self.encode(pixels, conditions=rows)
            rest = latent - model.prior.shift(self.known.encode(rows))
        made = []
        for value in values:
            changed: list[dict[str, Value]] = [
                {**row, **self.known.check({column: value})} for row in rows
            ]
            moved = rest + model.prior.shift(self.known.encode(changed))
            made.append(self.decode(moved, conditions=changed))
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
        model = self.ready()
        networks = model.networks
        total = np.zeros(pixels.shape, np.float64)
        for draw in range(draws):
            noise = latents(seed + draw * 1_000_003, 0, len(pixels), self.config.latent, "normal")

            def make(
                pixels: torch.Tensor, conditions: torch.Tensor, noise: torch.Tensor
            ) -> tuple[torch.Tensor, ...]:
                mean, log_std = networks.encoder(pixels, conditions)
                made, log_pixel_std = networks.decode(mean + log_std.exp() * noise, conditions)
                return (losses.log_likelihood(pixels, made, log_pixel_std),)

            total += self._look(model, make, pixels, conditions, noise)[0]
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
        model = self.ready()

        def make(pixels: torch.Tensor, conditions: torch.Tensor) -> tuple[torch.Tensor, ...]:
            with torch.inference_mode(False), torch.enable_grad():
                watched, known = pixels.clone().requires_grad_(), conditions.clone()
                divergence = losses.divergence(*model.networks.encoder(watched, known)).sum()
                return (torch.autograd.grad(divergence, watched)[0].abs(),)

        return self._look(model, make, pixels, conditions)[0]

    def anomaly_scores(
        self, pixels: Floats, *, seed: int = 0, conditions: Rows | None = None
    ) -> dict[str, Floats]:
        """Return error, reconstruction probability (negated) and ceVAE's combined score.

        The combined score is the error times :meth:`divergence_gradient`. See also
        :meth:`brainzoo.Reconstructs.anomaly_scores` and :meth:`log_probability`.
        """
        error = np.abs(pixels - self.reconstruct(pixels, conditions=conditions).mean)
        probability = self.log_probability(pixels, seed=seed, conditions=conditions)
        return {
            "reconstruction error": error,
            "reconstruction probability": -probability,
            "combined score": error * self.divergence_gradient(pixels, conditions=conditions),
        }

    def _encoded(
        self, model: Model, pixels: Floats, conditions: Rows | None
    ) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of the latents, by a model given."""

        def make(pixels: torch.Tensor, conditions: torch.Tensor) -> tuple[torch.Tensor, ...]:
            mean, log_std = model.networks.encoder(pixels, conditions)
            return mean, log_std.exp()

        mean, std = self._look(model, make, pixels, conditions)
        return mean, std

    def _look(
        self,
        model: Model,
        make: Callable[..., tuple[torch.Tensor, ...]],
        pixels: Floats,
        conditions: Rows | None,
        *more: Floats,
    ) -> tuple[Floats, ...]:
        """Call ``make`` with chunks of images and their encoded conditions."""
        encoded = self.encode_conditions(conditions, len(pixels))
        return self.by_chunks(model, make, self.expect_images(pixels), encoded, *more)
