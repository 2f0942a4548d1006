"""The VQ-VAE as a brainzoo generator: training in two stages, samples, reconstructions.

van den Oord et al. 2017 (arXiv 1711.00937); Tudosiu et al. 2022 (arXiv 2209.03177) for brains in
3-D. The first part of the budget trains the autoencoder, the rest the prior over its codes, in one
:func:`brainzoo.training.fit`: two phases of which one acts at a time. Differences from the papers
stand in the modules of the networks, and here:

- The prior's weights are averaged, the autoencoder's are not: its codebook is a moving average
  already, and an average of codes that were restarted on the way decodes to nothing. Let the
  learning rate fall at the end of each stage instead (``--decay``).
- Conditions are withheld from a tenth of the images, so that the prior knows all brains too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from brainzoo.api import (
    Conditions,
    DataError,
    Generator,
    Images,
    NotFoundError,
    Reconstruction,
    Reconstructs,
    Run,
    Value,
    checkpoint,
    make_config,
)
from brainzoo.training import arrays_of, compute, fit, in_chunks, load_arrays, seeded
from brainzoo.training.feed import Feed
from brainzoo_vqvae import anomalies
from brainzoo_vqvae.config import VQVAEConfig
from brainzoo_vqvae.model import Model
from brainzoo_vqvae.networks import Autoencoder
from brainzoo_vqvae.prior import Prior
from brainzoo_vqvae.stages import stages

PICTURED = {2: 64, 3: 8}
"""Images of a progress grid: a volume takes the time of many slices."""


class VQVAE(Generator, Reconstructs):
    """Vector-quantised autoencoder with a transformer prior, for slices and volumes."""

    config: VQVAEConfig

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__(config)
        self._model: Model | None = None
        self._training: dict[str, Any] = {}
        self._conditions = Conditions([], [], [])
        self._device = "auto"

    def fit(self, images: Images, run: Run) -> None:
        """Train the autoencoder and then the prior on all of ``images``."""
        self._device = run.train.device
        self._conditions = Conditions.of(images, self.config.covariates)
        self._training = {
            **checkpoint.describe_training(images),
            "conditions": self._conditions.describe(),
        }
        with seeded(run.train.seed):
            model = self._build()
        autoencoder, prior = model.autoencoder, model.prior
        known = torch.from_numpy(self._conditions.encode(self._conditions.rows))
        count = PICTURED[len(images.spatial)]

        def picture(averaged: nn.Module) -> NDArray[np.float32]:
            """Show training images as reconstructed until there is a prior, and then samples."""
            now = Model(autoencoder, cast(Prior, averaged))
            if not now.prior.begun:
                return now.decode(
                    now.encode(Feed(images, run.train.seed).batch(0, count)[0].numpy())
                )
            return self._samples(now, 0, 0, count, None)

        averaged = fit(
            stages(self.config, autoencoder, prior, known),
            images,
            run,
            network=prior,
            sample=picture,
            labels=self._conditions.indices(images),
        )
        model.prior = cast(Prior, averaged)
        self._model = model.eval().requires_grad_(False)

    def sample(
        self,
        n: int,
        *,
        seed: int,
        start: int = 0,
        condition: Mapping[str, Value] | None = None,
        batch_size: int = 64,
    ) -> Iterator[NDArray[np.float32]]:
        """Yield new images; see :meth:`brainzoo.Generator.sample`.

        Temperature, top-k and top-p are those of the configuration.
        """
        model = self._trained()
        self._conditions.check(condition)

        def chunk(at: int, count: int) -> NDArray[np.float32]:
            return self._samples(model, seed, at, count, condition)

        return in_chunks(chunk, n, batch_size, model.chunk, start=start)

    def conditions(
        self, n: int, *, seed: int, start: int = 0, condition: Mapping[str, Value] | None = None
    ) -> list[dict[str, Value]]:
        """Return class and covariates of each sample; see :meth:`brainzoo.Generator.conditions`."""
        return self._conditions.draw(n, seed=seed, start=start, condition=condition)

    def reconstruct(self, pixels: NDArray[np.float32], *, batch_size: int = 64) -> Reconstruction:
        """Encode and decode images; see :meth:`brainzoo.Reconstructs.reconstruct`."""
        return Reconstruction(self.decode(self.encode(pixels)))

    def encode(self, pixels: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the codes ``(image, *latent)`` of images ``(image, channel, *spatial)`` in [0, 1].

        Raises:
            DataError: The images are of another shape than those it was trained on.
        """
        model = self._trained()
        shape = self._training["images"]
        wanted = (shape["channels"], *shape["spatial"])
        if pixels.shape[1:] != wanted:
            raise DataError(f"images are of shape {pixels.shape[1:]}; this vqvae knows {wanted}.")
        return model.encode(pixels)

    def decode(self, codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the images ``(image, channel, *spatial)`` in [0, 1] of codes ``(image, *latent)``.

        Raises:
            DataError: They are no codes of this model.
        """
        return self._trained().decode(self._checked(codes))

    def log_probabilities(
        self,
        codes: NDArray[np.int64],
        *,
        conditions: Sequence[Mapping[str, Value]] | None = None,
    ) -> NDArray[np.float32]:
        """Return how likely the prior finds each code after those before it, as logarithms.

        Args:
            codes: ``(image, *latent)``.
            conditions: What is known of each image, or ``None``; columns that the model is not told
                are passed over.

        Returns:
            ``(image, *latent)`` in nats.
        """
        told = self._told(len(codes), conditions)
        return self._trained().log_probabilities(self._checked(codes), told)

    def restore(
        self,
        pixels: NDArray[np.float32],
        *,
        seed: int,
        threshold: float,
        conditions: Sequence[Mapping[str, Value]] | None = None,
    ) -> NDArray[np.float32]:
        """Return images whose unlikely codes were drawn anew: as they would look if healthy.

        Marimont and Tarroni 2021, "Anomaly detection through latent space restoration using
        vector-quantized variational autoencoders": codes less likely than a threshold are replaced
        by draws of the prior; what differs from the image afterwards is anomalous.

        Args:
            pixels: ``(image, channel, *spatial)`` in [0, 1].
            seed: Decides the draws; several seeds give several restorations.
            threshold: Codes of a lower log-probability (in nats) are drawn anew.
            conditions: What is known of each image, as in :meth:`log_probabilities`.

        Returns:
            ``(image, channel, *spatial)`` in [0, 1].
        """
        model, codes = self._trained(), self.encode(pixels)
        unlikely = self.log_probabilities(codes, conditions=conditions) < threshold
        told = self._told(len(codes), conditions)
        return model.decode(model.draw(np.where(unlikely, -1, codes), told, seed=seed))

    def anomaly_scores(
        self,
        pixels: NDArray[np.float32],
        *,
        seed: int = 0,
        conditions: Sequence[Mapping[str, Value]] | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Return error, restoration and unlikely codes; see :mod:`brainzoo_vqvae.anomalies`."""
        return anomalies.anomaly_scores(self, pixels, seed, conditions)

    def save(self, folder: Path) -> None:
        """Write a checkpoint folder; see :func:`brainzoo.checkpoint.write`."""
        weights = arrays_of(self._trained())
        checkpoint.write(folder, self, plugin="vqvae", weights=weights, training=self._training)

    @classmethod
    def load(cls, folder: Path) -> VQVAE:
        """Read a checkpoint folder, strictly."""
        stored = checkpoint.expect_plugin(folder, "vqvae")
        loaded = cls(make_config(VQVAEConfig, stored["hyperparameters"], "hyperparameter of vqvae"))
        loaded._conditions = Conditions.of_checkpoint(stored)
        keys = ("images", "preprocessing", "trained_on", "conditions")
        loaded._training = {key: stored[key] for key in keys}
        with torch.device("meta"):
            model = loaded._build()
        load_arrays(model, checkpoint.read_weights(folder))
        loaded._model = model.eval().requires_grad_(False)
        return loaded

    def _build(self) -> Model:
        shape, config = self._training["images"], self.config
        autoencoder = Autoencoder(
            tuple(shape["spatial"]),
            shape["channels"],
            widths=config.widths,
            residual_layers=config.residual_layers,
            codes=config.codes,
            code_length=config.code_length,
            cosine=config.distance == "cosine",
            code_decay=config.code_decay,
            checkpointing=config.checkpointing,
        )
        prior = Prior(
            autoencoder.latent,
            config.codes,
            self._conditions.width,
            width=config.prior_width,
            layers=config.prior_layers,
            dropout=config.prior_dropout,
            checkpointing=config.checkpointing,
        )
        return Model(autoencoder, prior)

    def _trained(self) -> Model:
        """Return the model, on its device."""
        if self._model is None:
            raise NotFoundError("this vqvae is not trained yet.", "Call fit or load first.")
        compute(self._device).place(self._model)
        return self._model

    def _samples(
        self,
        model: Model,
        seed: int,
        start: int,
        count: int,
        condition: Mapping[str, Value] | None,
    ) -> NDArray[np.float32]:
        drawn = self._conditions.draw(count, seed=seed, condition=condition, start=start)
        nothing = np.full((count, *model.prior.latent), -1)
        config = self.config
        codes = model.draw(
            nothing,
            self._conditions.encode(drawn),
            seed=seed,
            start=start,
            temperature=config.temperature,
            top_k=config.top_k,
            top_p=config.top_p,
        )
        return model.decode(codes)

    def _told(
        self, n: int, conditions: Sequence[Mapping[str, Value]] | None
    ) -> NDArray[np.float32]:
        if conditions is not None and len(conditions) != n:
            raise DataError(f"{n} images but {len(conditions)} conditions; expected as many.")
        return self._conditions.encode([{}] * n if conditions is None else conditions)

    def _checked(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        latent = self._trained().prior.latent
        fits = codes.shape[1:] == latent and codes.size
        if not fits or codes.min() < 0 or codes.max() >= self.config.codes:
            raise DataError(
                f"found codes of shape {codes.shape[1:]}; expected {latent} whole numbers from 0 "
                f"to {self.config.codes - 1}."
            )
        return codes
