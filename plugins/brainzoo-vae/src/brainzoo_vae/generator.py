"""The variational autoencoder as a brainzoo generator: how it learns, how it draws.

Kingma and Welling 2014 (arXiv 1312.6114); the variants ``cevae`` of Zimmerer et al. 2018 (arXiv
1812.05941) and ``compact`` of Chatterjee et al. 2022 (StRegA). Differences from the papers:

- the likelihood's standard deviation is learned, and conditions (class, age, sex) are known;
- where most pixels are black (skull-stripped heads, label maps), the decoder's last layer is linear
  and begins with the mean of each channel; elsewhere a sigmoid learns sooner;
- samples come from Gaussians fitted to the training latents (:mod:`brainzoo_vae.prior`);
- what fills in masked squares uses the mean of the latent; weights are averaged
  (:mod:`brainzoo.training.ema`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from brainzoo.api import (
    DataError,
    Images,
    IntegrityError,
    OptionError,
    Reconstruction,
    Reconstructs,
    Run,
    Value,
    console,
)
from brainzoo.training import Draw, Phase, Step, TorchGenerator, compute, latents
from brainzoo_vae import losses
from brainzoo_vae.config import VAEConfig
from brainzoo_vae.networks import Model, Networks
from brainzoo_vae.prior import COMPONENTS, Prior

Floats = NDArray[np.float32]
Rows = Sequence[Mapping[str, Value]]
Result = tuple[torch.Tensor, dict[str, torch.Tensor]]
FASTER = 10.0
"""The standard deviation of all pixels is one number with one gradient; it may move faster."""
RISING_STEPS = 20
"""Over which the learning rate rises. Adam's first steps all go one way: at the full rate they move
latents, each a sum over thousands of features, far off.
"""
GENTLER = 0.3
"""Of the learning rate, with a linear output: at all of it wide networks still run off later."""
LEAST_BETA = 0.1
"""Where the warm-up begins."""
SOME = 256
"""Training images that the decoder's beginning and the sample grids' Gaussian are computed of."""
LINEAR = "linear"
"""What a checkpoint calls its output if that is not a sigmoid."""
BLACK, MOSTLY = 0.02, 0.6
"""Darker than this is black; of IXI's slices with skull .48 are, without it .76."""


class VAE(TorchGenerator, Reconstructs):
    """Variational autoencoder for slices and volumes, knowing class, age, sex or none."""

    name = "vae"
    pixels_at_once = 2**18
    value_range = (0.0, 1.0)
    config: VAEConfig

    def build(self, shape: tuple[int, ...]) -> Model:
        """Return the networks, with the Gaussians of a checkpoint that is loaded."""
        config, width = self.config, self.known.width
        components = _components(self.extra["prior"]) if "prior" in self.extra else 1
        prior = Prior(config.latent, width, components)
        squashed = self.extra.get("output") != LINEAR
        return Model(Networks(config, shape[1:], shape[0], width, squashed=squashed), prior)

    def fit(self, images: Images, run: Run) -> None:
        """Train on all of ``images``, with an output that suits them."""
        self.extra = {"output": LINEAR} if _mostly_black(images) else {}
        super().fit(images, run)

    def phases(self, network: Model, images: Images, run: Run) -> list[Phase]:
        """Return the one phase: the bound, with what is added to it."""
        config, networks = self.config, network.networks
        device = compute(run.train.device).device
        linear = not networks.squashed
        if linear:
            networks.begin_at(torch.from_numpy(_some(images).floats()))
        perceptual = None
        if "perceptual" in config.loss:
            perceptual = losses.Perceptual(config.features_weights, device)

        def bound(pixels: torch.Tensor, conditions: torch.Tensor, step: Step) -> Result:
            real = pixels / 2 + 0.5
            known = conditions * (step.uniform(len(real), 1) >= config.unknown)
            mean, log_std = networks.encoder(real, known)
            noise = step.normal(len(mean), config.latent)
            made, log_pixel_std = networks.decode(mean + log_std.exp() * noise, known)
            likelihood = losses.log_likelihood(real, made, log_pixel_std).flatten(1).sum(1)
            divergence = losses.divergence(mean, log_std)
            beta = config.beta * warm_up(step.progress, config.warm_up)
            loss = (beta * divergence - likelihood).mean()
            if config.fills_in:
                mean, _ = networks.encoder(losses.masked(real, step), known)
                filled, filled_std = networks.decode(mean, known)
                filling = -losses.log_likelihood(real, filled, filled_std).flatten(1).sum(1).mean()
                loss = (1 - config.context) * loss + config.context * filling
            size = real[0].numel()
            values = {
                "error": (made - real).detach().square().mean().sqrt(),
                "kl": divergence.mean(),
                "std": log_pixel_std.exp().mean(),
                "bits_per_pixel": (divergence - likelihood).mean() / size / math.log(2),
            }
            loss = loss / size
            scale = 0.5 * config.loss_weight * (-2 * log_pixel_std.detach()).exp().mean()
            if "spectral" in config.loss:
                values["spectral"] = losses.spectral(made, real)
                loss = loss + scale * values["spectral"]
            if perceptual is not None:
                values["perceptual"] = perceptual(made, real, step)
                loss = loss + scale * values["perceptual"] * losses.PERCEPTUAL_SCALE
            return loss, values

        groups: list[dict[str, Any]] = [{"params": list(networks.encoder.parameters())}]
        groups += [{"params": list(networks.decoder.parameters())}]
        if networks.log_std is not None:
            groups += [{"params": [networks.log_std], "lr": FASTER * config.lr}]
        rate = config.lr * (GENTLER if linear else 1.0)
        adam = torch.optim.Adam(groups, lr=rate, fused=True)
        return [Phase("bound", networks, adam, bound, warm_up=RISING_STEPS if linear else 0)]

    def draw(self, network: Model, draw: Draw) -> torch.Tensor:
        """Return the decoded means of latents, in [0, 1]."""
        latent = network.prior.residuals(draw.seed, draw.start, len(draw))
        latent = latent + network.prior.shift(self.known.encode(draw.rows))
        conditions = draw.conditions
        return network.networks.decode(torch.from_numpy(latent).to(conditions), conditions)[0]

    def exported(
        self, network: Model
    ) -> tuple[Callable[..., torch.Tensor], dict[str, torch.Tensor]]:
        """Return the decoder: an image in [0, 1] of a latent and its encoded conditions."""
        inputs = {
            "latent": torch.zeros(2, self.config.latent),
            "conditions": torch.zeros(2, self.known.width),
        }
        return lambda *given: network.networks.decode(*given)[0], inputs

    def grid(self, network: Model, images: Images) -> Floats:
        """Return a sample grid; its latents come from a Gaussian fitted to some images."""
        network.prior = self._fitted(network, _some(images), (1,), 0)
        return super().grid(network, images)

    def validate(self, network: Model, images: Images) -> float:
        """Return the negative bound of images in nats a value, with always the same noise."""
        noise = latents(1, 0, len(images), self.config.latent, "normal")
        rows = self.known.rows_of(images.table)
        return float(self._bounds(network, images.floats(), rows, noise).mean())

    def score(self, pixels: Floats, *, conditions: Rows | None = None) -> Floats:
        """Return the negative bound of images ``(image,)`` in nats a value.

        With one noise for all: the same image has the same score. See :meth:`reconstruct`.
        """
        noise = np.repeat(latents(1, 0, 1, self.config.latent, "normal"), len(pixels), 0)
        return self._bounds(self.ready(), pixels, conditions, noise)

    def _bounds(self, network: Model, pixels: Floats, rows: Rows | None, noise: Floats) -> Floats:
        networks = network.networks

        def bound(
            pixels: torch.Tensor, conditions: torch.Tensor, noise: torch.Tensor
        ) -> tuple[torch.Tensor]:
            mean, log_std = networks.encoder(pixels, conditions)
            made, log_pixel_std = networks.decode(mean + log_std.exp() * noise, conditions)
            likelihood = losses.log_likelihood(pixels, made, log_pixel_std).flatten(1).sum(1)
            return (losses.divergence(mean, log_std) - likelihood,)

        found = self._look(network, bound, pixels, rows, noise)[0] / math.prod(self.shape)
        return np.asarray(found, np.float32)

    def finish(self, network: Model, images: Images, run: Run) -> None:
        """Fit the Gaussians of the latents."""
        console.note("fitting the latents of the training images")
        network.prior = self._fitted(network, images, COMPONENTS, run.train.seed)
        self.extra["prior"] = {"components": network.prior.components}

    def reconstruct(
        self, pixels: Floats, *, batch_size: int = 64, conditions: Rows | None = None
    ) -> Reconstruction:
        """Return what the model makes of images: the decoded mean of each latent.

        ``pixels`` are ``(image, channel, *spatial)`` in [0, 1], of the shape of the training images
        (others are a DataError). ``conditions`` say what is known of each: ``[{"age": 71, "sex":
        "F"}, ...]``. ``batch_size`` changes nothing: images are computed in chunks of one size.
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

        See :meth:`reconstruct` for what ``pixels`` and ``conditions`` are.
        """
        return self._encoded(self.ready(), pixels, conditions)

    def decode(self, latent: Floats, *, conditions: Rows | None = None) -> Floats:
        """Return the images ``(image, channel, *spatial)`` in [0, 1] of latents.

        ``conditions`` are those of each image; ``None`` leaves them to the latent. Latents of
        another length are a DataError.
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
            column: The condition that changes, for example ``"age"``; others are an OptionError.
            values: What it takes in turn.
            n: How many synthetic heads of ``seed``, if no ``pixels`` are given.
            seed: Decides them.
            condition: What is the same in all synthetic heads; the rest is drawn for each, and
                stays while the column changes (mind classes that are made of it).
            pixels: Real heads to change instead, as for :meth:`reconstruct`.
            conditions: What is known of each of them.

        Returns:
            ``(image, value, channel, *spatial)`` in [0, 1].
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
        encoder's Gaussian, as many as ``draws``. Low where something does not belong; the mean over
        the pixels is the image's score. See :meth:`reconstruct`.
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

    def _fitted(
        self, network: Model, images: Images, components: tuple[int, ...], seed: int
    ) -> Prior:
        """Return the Gaussians of the latents of images; N(0, I) where that is wanted."""
        if self.config.prior == "normal":
            return network.prior
        rows = self.known.rows_of(images.table)
        parts = [
            self._encoded(network, images[at : at + 64].floats(), rows[at : at + 64])
            for at in range(0, len(images), 64)
        ]
        means, stds = (np.concatenate(each) for each in zip(*parts, strict=True))
        subjects = [str(row.get("subject", i)) for i, row in enumerate(images.table)]
        return Prior.fitted(means, stds, self.known.encode(rows), subjects, seed, components)


def warm_up(progress: float, over: float) -> float:
    """Return the part of beta that counts when this fraction of the budget is spent.

    It grows linearly. From 0, latents would first drift to where they are hard to get back from.
    """
    return 1.0 if progress >= over else LEAST_BETA + (1 - LEAST_BETA) * progress / over


def _some(images: Images) -> Images:
    """Return a few images from all over."""
    return images[np.linspace(0, len(images) - 1, min(SOME, len(images))).astype(int)]


def _mostly_black(images: Images) -> bool:
    """Return whether most pixels of any channel are black, by more than around heads with skull."""
    channels = np.moveaxis(_some(images).floats(), 1, 0).reshape(images.channels, -1)
    return bool(((channels < BLACK).mean(1) > MOSTLY).any())


def _components(prior: object) -> int:
    components = prior.get("components") if isinstance(prior, dict) else None
    if not isinstance(components, int) or not 1 <= components <= 64:
        raise IntegrityError("the checkpoint does not say how many Gaussians its latents have.")
    return components
