"""The variational autoencoder as a brainzoo generator: how it learns, how it draws.

Kingma and Welling 2014 (arXiv 1312.6114); the variants ``cevae`` of Zimmerer et al. 2018 (arXiv
1812.05941) and ``compact`` of Chatterjee et al. 2022 (StRegA). Differences from the papers:

- the likelihood's standard deviation is learned, and conditions (class, age, sex) are known;
- where most pixels are black (skull-stripped heads, label maps), the decoder's last layer is linear
  and begins with the mean of each channel; elsewhere a sigmoid learns sooner;
- samples come from Gaussians fitted to the training latents (:mod:`brainzoo_vae.prior`);
- what fills in masked squares uses the mean of the latent; weights are averaged
  (:mod:`brainzoo.training.ema`).

What a trained model does with images is in :mod:`brainzoo_vae.inference`.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from brainzoo.api import Images, IntegrityError, Run, console
from brainzoo.training import Draw, Phase, Step, compute, latents
from brainzoo_vae import losses
from brainzoo_vae.inference import Inference, Rows
from brainzoo_vae.networks import Model, Networks
from brainzoo_vae.prior import COMPONENTS, Prior

Floats = NDArray[np.float32]
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


class VAE(Inference):
    """Variational autoencoder for slices and volumes, knowing class, age, sex or none."""

    name = "vae"
    pixels_at_once = 2**18
    value_range = (0.0, 1.0)

    def build(self, shape: tuple[int, ...]) -> Model:
        """Return the networks, with the Gaussians of a checkpoint that is loaded."""
        config, width = self.config, self.known.width
        components = _components(self.extra) if "prior" in self.extra else 1
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

        def bound(
            pixels: torch.Tensor, conditions: torch.Tensor, step: Step
        ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
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

        With one noise for all: the same image has the same score.

        Args:
            pixels: ``(image, channel, *spatial)`` in [0, 1].
            conditions: What is known of each image.
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

    def save(self, folder: Path) -> None:
        """Write a checkpoint folder; see :func:`brainzoo.checkpoint.write`."""
        published = copy.copy(self)
        # Where the weights of a loss lay on the disk is nobody's business.
        published.config = dataclasses.replace(self.config, features_weights=None)
        super(VAE, published).save(folder)

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


def _components(stored: dict[str, Any]) -> int:
    prior = stored.get("prior")
    components = prior.get("components") if isinstance(prior, dict) else None
    if not isinstance(components, int) or not 1 <= components <= 64:
        raise IntegrityError("the checkpoint does not say how many Gaussians its latents have.")
    return components
