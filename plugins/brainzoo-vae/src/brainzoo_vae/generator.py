"""The variational autoencoder as a brainzoo generator: training, sampling, reconstruction.

Kingma and Welling 2014 (arXiv 1312.6114); the variants ``cevae`` of Zimmerer et al. 2018 (arXiv
1812.05941) and ``compact`` of Chatterjee et al. 2022 (StRegA). Differences from the papers:

- the likelihood's standard deviation is learned, and conditions (class, age, sex) are known;
- samples come from Gaussians fitted to the training latents (:mod:`brainzoo_vae.prior`);
- what fills in masked squares uses the mean of the latent; weights are averaged
  (:mod:`brainzoo.training.ema`).

What can be asked of a trained model about images stands in :mod:`brainzoo_vae.inference`.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from brainzoo.api import (
    Conditions,
    Generator,
    Images,
    IntegrityError,
    NotFoundError,
    Row,
    Run,
    Value,
    checkpoint,
    console,
    make_config,
)
from brainzoo.training import (
    Phase,
    Step,
    arrays_of,
    compute,
    fit,
    in_chunks,
    latents,
    load_arrays,
    seeded,
)
from brainzoo_vae import losses
from brainzoo_vae.config import VAEConfig
from brainzoo_vae.context import masked
from brainzoo_vae.inference import Inference
from brainzoo_vae.networks import Networks
from brainzoo_vae.prior import Prior

Floats = NDArray[np.float32]
Figures = dict[str, torch.Tensor]
FASTER = 10.0
"""The standard deviation of all pixels is one number with one gradient; it may move faster."""
LEAST_BETA = 0.1
"""Where the warm-up begins."""
FOR_GRIDS = 256
"""Training images whose latents the sample grids' Gaussian is fitted to."""


class VAE(Inference, Generator):
    """Variational autoencoder for slices and volumes, knowing class, age, sex or none."""

    config: VAEConfig

    def __init__(self, config: VAEConfig) -> None:
        super().__init__(config)
        self._networks: Networks | None = None
        self._prior: Prior | None = None
        self._known = Conditions((), [{}], [1])
        self._training: dict[str, Any] = {}
        self._device = "auto"

    def fit(self, images: Images, run: Run) -> None:
        """Train on all of ``images``, then fit the Gaussians of the latents."""
        config = self.config
        config.check_spatial(images.spatial)
        self._device = run.train.device
        self._known = Conditions.of(images, config.covariates)
        self._training = checkpoint.describe_training(images)
        self._training["conditions"] = self._known.describe()
        machine = compute(run.train.device, run.train.precision)
        with seeded(run.train.seed):
            networks = self._build()
        perceptual = None
        if "perceptual" in config.loss:
            perceptual = losses.Perceptual(config.features_weights, machine.device)
        encoded = torch.from_numpy(self._known.encode(self._known.rows)).to(machine.device)

        def bound(
            pixels: torch.Tensor, labels: torch.Tensor, step: Step
        ) -> tuple[torch.Tensor, Figures]:
            real = pixels / 2 + 0.5
            told = encoded[labels] * (step.uniform(len(real), 1) >= config.unknown)
            mean, log_std = networks.encoder(real, told)
            noise = step.normal(len(mean), config.latent)
            made, log_pixel_std = networks.decode(mean + log_std.exp() * noise, told)
            likelihood = losses.log_likelihood(real, made, log_pixel_std).flatten(1).sum(1)
            divergence = losses.divergence(mean, log_std)
            beta = config.beta * warm_up(step.progress, config.warm_up)
            loss = (beta * divergence - likelihood).mean()
            if config.fills_in:
                mean, _ = networks.encoder(masked(real, step), told)
                filled, filled_std = networks.decode(mean, told)
                filling = -losses.log_likelihood(real, filled, filled_std).flatten(1).sum(1).mean()
                loss = (1 - config.context) * loss + config.context * filling
            values = real[0].numel()
            figures = {
                "error": (made - real).detach().square().mean().sqrt(),
                "kl": divergence.mean(),
                "std": log_pixel_std.exp().mean(),
                "bits_per_pixel": (divergence - likelihood).mean() / values / np.log(2),
            }
            loss = loss / values
            scale = 0.5 * config.loss_weight * (-2 * log_pixel_std.detach()).exp().mean()
            if "spectral" in config.loss:
                figures["spectral"] = losses.spectral(made, real)
                loss = loss + scale * figures["spectral"]
            if perceptual is not None:
                figures["perceptual"] = perceptual(made, real, step)
                loss = loss + scale * figures["perceptual"] * losses.PERCEPTUAL_SCALE
            return loss, figures

        few = images[np.linspace(0, len(images) - 1, min(FOR_GRIDS, len(images))).astype(int)]

        def grid(network: nn.Module) -> Floats:
            self._networks = self._checked(network)
            self._prior = self._fitted(few, (1,), run.train.seed)
            return np.concatenate(list(self.sample(64, seed=0)))

        phase = Phase("bound", networks, self._adam(networks), bound)
        labels = self._known.indices(images)
        trained = fit([phase], images, run, network=networks, sample=grid, labels=labels)
        self._networks = self._checked(trained)
        console.note("fitting the latents of the training images")
        self._prior = self._fitted(images, None, run.train.seed)

    def sample(
        self,
        n: int,
        *,
        seed: int,
        start: int = 0,
        condition: Mapping[str, Value] | None = None,
        batch_size: int = 64,
    ) -> Iterator[Floats]:
        """Yield new images; see :meth:`brainzoo.Generator.sample`."""
        self._placed()

        def chunk(at: int, count: int) -> Floats:
            rows = self._known.draw(count, seed=seed, condition=condition, start=at)
            return self._decoded(self._latents(seed, at, count, rows), rows)

        return in_chunks(chunk, n, batch_size, start=start)

    def conditions(
        self, n: int, *, seed: int, start: int = 0, condition: Mapping[str, Value] | None = None
    ) -> list[Row]:
        """Return class and covariates of each sample; see :meth:`brainzoo.Generator.conditions`."""
        return self._known.draw(n, seed=seed, start=start, condition=condition)

    def save(self, folder: Path) -> None:
        """Write a checkpoint folder; see :func:`brainzoo.checkpoint.write`."""
        if self._networks is None:
            raise NotFoundError("this vae is not trained yet.", "Call fit before save.")
        components = self._prior.components if self._prior else 0
        published = copy.copy(self)
        # Where the weights of a loss lay on the disk is nobody's business.
        published.config = dataclasses.replace(self.config, features_weights=None)
        checkpoint.write(
            folder,
            published,
            plugin="vae",
            weights=arrays_of(_together(self._networks, self._prior)),
            training={**self._training, "prior": {"components": components}},
        )

    @classmethod
    def load(cls, folder: Path) -> VAE:
        """Read a checkpoint folder, strictly."""
        stored = checkpoint.expect_plugin(folder, "vae")
        loaded = cls(make_config(VAEConfig, stored["hyperparameters"], "hyperparameter of vae"))
        keys = ("images", "preprocessing", "trained_on", "conditions")
        loaded._training = {key: stored.get(key) for key in keys}
        loaded._known = Conditions.of_checkpoint(stored)
        components = _components(stored.get("prior"))
        with torch.device("meta"):
            networks = loaded._build()
            width = loaded._known.width
            prior = Prior(loaded.config.latent, width, components) if components else None
            whole = _together(networks, prior)
        load_arrays(whole, checkpoint.read_weights(folder))
        whole.eval().requires_grad_(False)
        loaded._networks, loaded._prior = networks, prior
        return loaded

    def _build(self) -> Networks:
        shape = self._training["images"]
        return Networks(self.config, tuple(shape["spatial"]), shape["channels"], self._known.width)

    def _adam(self, networks: Networks) -> torch.optim.Adam:
        groups: list[dict[str, Any]] = [{"params": list(networks.encoder.parameters())}]
        groups += [{"params": list(networks.decoder.parameters())}]
        if networks.log_std is not None:
            groups += [{"params": [networks.log_std], "lr": FASTER * self.config.lr}]
        return torch.optim.Adam(groups, lr=self.config.lr, fused=True)

    def _fitted(
        self, images: Images, components: tuple[int, ...] | None, seed: int
    ) -> Prior | None:
        """Return the Gaussians of the latents of images; ``None`` where N(0, I) is wanted."""
        if self.config.prior == "normal":
            return None
        means, stds = self._gaussians(images)
        told = self._known.encode([self._known.rows[i] for i in self._known.indices(images)])
        subjects = [str(row.get("subject", i)) for i, row in enumerate(images.table)]
        more = {"components": components} if components else {}
        return Prior.fitted(means, stds, told, subjects, seed, **more)

    def _gaussians(self, images: Images) -> tuple[Floats, Floats]:
        """Return means and standard deviations of the latents of training images."""
        parts = []
        for start in range(0, len(images), 64):
            some = images[start : start + 64]
            rows = [self._known.rows[i] for i in self._known.indices(some)]
            parts.append(self.encode(some.floats(), conditions=rows))
        return np.concatenate([m for m, _ in parts]), np.concatenate([s for _, s in parts])

    def _latents(self, seed: int, start: int, count: int, rows: list[Row]) -> Floats:
        if self._prior is None:
            return latents(seed, start, count, self.config.latent, "normal")
        shift = self._prior.shift(self._known.encode(rows))
        return self._prior.residuals(seed, start, count) + shift

    @staticmethod
    def _checked(network: nn.Module) -> Networks:
        if not isinstance(network, Networks):
            raise TypeError(f"trained {type(network).__name__}; expected Networks")
        return network


def warm_up(progress: float, over: float) -> float:
    """Return the part of beta that counts when this fraction of the budget is spent.

    It grows linearly. From 0, latents would first run away to where they are hard to get back from.
    """
    return 1.0 if progress >= over else LEAST_BETA + (1 - LEAST_BETA) * progress / over


def _together(networks: Networks, prior: Prior | None) -> nn.ModuleDict:
    """Return all that a checkpoint's weights hold, under one root."""
    parts: dict[str, nn.Module] = {"networks": networks}
    return nn.ModuleDict(parts | ({"prior": prior} if prior is not None else {}))


def _components(stored: Any) -> int:
    components = stored.get("components") if isinstance(stored, dict) else None
    if not isinstance(components, int) or not 0 <= components <= 64:
        raise IntegrityError("the checkpoint does not say how many Gaussians its latents have.")
    return components
