"""The VQ-VAE as a brainzoo generator: training in two stages, samples, reconstructions, anomalies.

van den Oord et al. 2017 (arXiv 1711.00937); Tudosiu et al. 2022 (arXiv 2209.03177) for brains in
3-D. The first part of the budget trains the autoencoder, the rest the prior over its codes, in one
:func:`brainzoo.training.fit`: two phases of which one acts at a time. Differences from the papers
are in the modules of the networks, and here:

- The prior's weights are averaged, the autoencoder's are not: its codebook is a moving average
  already, and an average of codes that were restarted on the way decodes to nothing. Let the
  learning rate fall at the end of each stage instead (``--decay``).
- Conditions are withheld from a tenth of the images, so that the prior knows all brains too.
- Anomalies are found by restoration: Marimont and Tarroni 2021, "Anomaly detection through latent
  space restoration using vector-quantized variational autoencoders". Restorations count equally,
  and the likelihood of codes is a map instead of a sum over the image.

Several processes train what one does, to the last digits, but for two things: each draws its own
dropout, and with ``--loss l1`` the slope jumps where a pixel is right to the last digit, so that
the order of summation decides there. Neither makes a model better or worse.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy, l1_loss, mse_loss

from brainzoo.api import DataError, Images, Reconstruction, Reconstructs, Run, Value
from brainzoo.training import Draw, Phase, Step, TorchGenerator
from brainzoo_vqvae.config import VQVAEConfig
from brainzoo_vqvae.networks import Autoencoder, spectral_distance
from brainzoo_vqvae.prior import Prior, draw_codes
from brainzoo_vqvae.quantiser import perplexity

Floats = NDArray[np.float32]
Codes = NDArray[np.int64]
Rows = Sequence[Mapping[str, Value]]
Result = tuple[torch.Tensor, dict[str, torch.Tensor]]

CHUNK = {2: 16, 3: 2}
"""Images computed at once, by spatial rank."""
PICTURED = {2: 64, 3: 8}
"""Images of a progress grid: a volume takes the time of many slices."""
WITHHELD = 0.1
"""The fraction of images whose condition the prior does not see."""
RESTORATIONS = 4
UNLIKELY = -5.0
"""Codes of a lower log-probability, in nats, are drawn anew."""


class Model(nn.Module):
    """What a checkpoint holds."""

    def __init__(self, autoencoder: Autoencoder, prior: Prior) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.prior = prior

    def pixels(self, codes: torch.Tensor) -> torch.Tensor:
        """Return images in about [-1, 1] of codes ``(image, *latent)``."""
        return self.autoencoder.decode(self.autoencoder.quantiser.look_up(codes))


class VQVAE(TorchGenerator, Reconstructs):
    """Vector-quantised autoencoder with a transformer prior, for slices and volumes."""

    name = "vqvae"
    config: VQVAEConfig

    def build(self, shape: tuple[int, ...]) -> Model:
        """Return autoencoder and prior."""
        config, dims = self.config, len(shape) - 1
        self.chunk, self.grid_images = CHUNK[dims], PICTURED[dims]
        autoencoder = Autoencoder(
            shape[1:],
            shape[0],
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
            self.known.width,
            width=config.prior_width,
            layers=config.prior_layers,
            dropout=config.prior_dropout,
            checkpointing=config.checkpointing,
        )
        return Model(autoencoder, prior)

    def autoencoder(self, network: Model) -> Autoencoder:
        """Return what another model can take as its first stage, such as a flow of latents."""
        return network.autoencoder

    def phases(self, network: Model, images: Images, run: Run) -> list[Phase]:
        """Return the two stages: the autoencoder with its codebook, then the prior."""
        config, autoencoder, prior = self.config, network.autoencoder, network.prior

        def autoencoder_loss(pixels: torch.Tensor, conditions: torch.Tensor, step: Step) -> Result:
            latents = autoencoder.encode(pixels)
            found = latents.detach()
            restarts = autoencoder.quantiser.restart(found, step.number)
            quantised = autoencoder.quantiser(latents)
            autoencoder.quantiser.update(found, quantised.codes)
            made = autoencoder.decode(quantised.latents).float()
            difference = (l1_loss if config.loss == "l1" else mse_loss)(made, pixels)
            loss = difference + config.commitment * quantised.commitment
            if config.spectral:
                loss = loss + config.spectral * spectral_distance(made, pixels)
            return loss, {
                "difference": difference,
                "perplexity": perplexity(quantised.codes, config.codes),
                "restarts": restarts.float(),
            }

        def prior_loss(pixels: torch.Tensor, conditions: torch.Tensor, step: Step) -> Result:
            with torch.no_grad():
                codes = autoencoder.quantiser(autoencoder.encode(pixels)).codes.flatten(1)
            known = conditions * (step.uniform(len(pixels), 1) >= WITHHELD)
            logits = prior(codes, known)
            return cross_entropy(logits.float().flatten(0, 1), codes.flatten()), {}

        turn = 1 - config.prior_share
        adam = torch.optim.Adam(autoencoder.parameters(), lr=config.lr, fused=True)
        adamw = torch.optim.AdamW(
            prior.parameters(), config.prior_lr, (0.9, 0.95), weight_decay=0.05, fused=True
        )
        return [
            Phase("autoencoder", autoencoder, adam, autoencoder_loss, end=turn, averaged=False),
            Phase("prior", prior, adamw, prior_loss, start=turn),
        ]

    def draw(self, network: Model, draw: Draw) -> torch.Tensor:
        """Return images of drawn codes; temperature, top-k and top-p are those of the options."""
        config = self.config
        codes = self._drawn(
            network,
            np.full((len(draw), *network.prior.latent), -1),
            self.known.encode(draw.rows),
            seed=draw.seed,
            start=draw.start,
            temperature=config.temperature,
            top_k=config.top_k,
            top_p=config.top_p,
        )
        return network.pixels(torch.from_numpy(codes).to(draw.conditions.device)).clamp(-1, 1)

    def exported(
        self, network: Model
    ) -> tuple[Callable[..., torch.Tensor], dict[str, torch.Tensor]]:
        """Return the decoder: an image in [0, 1] of codes ``(image, *latent)``."""
        codes = torch.zeros(2, *network.prior.latent, dtype=torch.int64)
        return lambda codes: (network.pixels(codes) * 0.5 + 0.5).clamp(0, 1), {"codes": codes}

    def grid(self, network: Model, images: Images) -> Floats:
        """Return training images as they are reconstructed until there is a prior; then samples."""
        if network.prior.begun:
            return super().grid(network, images)
        rows = np.linspace(0, len(images) - 1, min(self.grid_images, len(images))).astype(int)
        return self._decoded(network, self._encoded(network, images.floats(rows)))

    def watch(self, network: Any, training: Images, validation: Images) -> Mapping[str, float]:
        """Return nothing: samples take long, and the scores' gap says as much."""
        return {}

    def validate(self, network: Model, images: Images) -> float:
        """Return the mean difference of reconstructions, and of a prior the nats a code."""
        pixels = images.floats()
        codes = self._encoded(network, pixels)
        if network.prior.begun:
            return -float(self._logs(network, codes, self.known.rows_of(images.table)).mean())
        difference = np.abs(pixels - self._decoded(network, codes))
        return float((difference if self.config.loss == "l1" else difference**2).mean())

    def reconstruct(self, pixels: Floats, *, batch_size: int = 64) -> Reconstruction:
        """Encode and decode images; see :meth:`brainzoo.Reconstructs.reconstruct`."""
        return Reconstruction(self.decode(self.encode(pixels)))

    def encode(self, pixels: Floats) -> Codes:
        """Return the codes ``(image, *latent)`` of images ``(image, channel, *spatial)`` in [0, 1].

        Images of another shape than those it was trained on are a DataError.
        """
        return self._encoded(self.ready(), self.expect_images(pixels))

    def decode(self, codes: Codes) -> Floats:
        """Return the images ``(image, channel, *spatial)`` in [0, 1] of codes ``(image, *latent)``.

        Codes that this model does not have are a DataError.
        """
        return self._decoded(self.ready(), self._checked(codes))

    def log_probabilities(self, codes: Codes, *, conditions: Rows | None = None) -> Floats:
        """Return how likely the prior finds each code ``(image, *latent)`` after those before it.

        Logarithms, in nats. ``conditions`` say what is known of each image; columns that the model
        is not conditioned on are passed over.
        """
        return self._logs(self.ready(), self._checked(codes), conditions)

    def score(self, pixels: Floats, *, conditions: Rows | None = None) -> Floats:
        """Return how unlikely the prior finds the codes of images ``(image,)``, in nats a code."""
        logs = self.log_probabilities(self.encode(pixels), conditions=conditions)
        return np.asarray(-logs.reshape(len(logs), -1).mean(1).astype(np.float32))

    def restore(
        self, pixels: Floats, *, seed: int, threshold: float, conditions: Rows | None = None
    ) -> Floats:
        """Return images whose unlikely codes were drawn anew: as they would look if healthy.

        What differs from the image afterwards is anomalous. Codes of a log-probability (in nats)
        below the ``threshold`` are drawn anew; several seeds give several restorations. Images are
        ``(image, channel, *spatial)`` in [0, 1].
        """
        codes = self.encode(pixels)
        logs = self.log_probabilities(codes, conditions=conditions)
        return self._restored(codes, logs < threshold, seed, conditions)

    def anomaly_scores(
        self, pixels: Floats, *, seed: int = 0, conditions: Rows | None = None
    ) -> dict[str, Floats]:
        """Return the reconstruction error, the difference from restorations, and unlikely codes.

        See :meth:`brainzoo.Reconstructs.anomaly_scores`.
        """
        codes = self.encode(pixels)
        logs = self.log_probabilities(codes, conditions=conditions)
        restored = np.zeros(pixels.shape, np.float32)
        for draw in range(RESTORATIONS):
            own = self._restored(codes, logs < UNLIKELY, seed + draw * 1_000_003, conditions)
            restored += np.abs(pixels - own) / RESTORATIONS
        unlikely, covers = -logs, self.config.factor
        for axis, side in enumerate(pixels.shape[2:], start=1):
            before = (covers * unlikely.shape[axis] - side) // 2  # of padding, as the networks pad
            unlikely = np.take(unlikely.repeat(covers, axis), range(before, before + side), axis)
        return {
            "reconstruction error": np.abs(pixels - self.decode(codes)),
            "restoration": restored,
            "unlikely codes": np.broadcast_to(unlikely[:, None], pixels.shape),
        }

    def _restored(
        self, codes: Codes, unlikely: NDArray[np.bool_], seed: int, conditions: Rows | None
    ) -> Floats:
        """Return the images of codes of which some are drawn anew."""
        encoded = self.encode_conditions(conditions, len(codes))
        kept = np.where(unlikely, -1, codes)
        return self.decode(self._drawn(self.ready(), kept, encoded, seed=seed))

    def _logs(self, network: Model, codes: Codes, conditions: Rows | None) -> Floats:
        def look_up(codes: torch.Tensor, conditions: torch.Tensor) -> tuple[torch.Tensor]:
            flat = codes.flatten(1)
            logs = network.prior(flat, conditions).log_softmax(2)
            return (logs.gather(2, flat[..., None]).view(codes.shape),)

        encoded = self.encode_conditions(conditions, len(codes))
        return self.by_chunks(network, look_up, codes, encoded)[0]

    def _encoded(self, network: Model, pixels: Floats) -> Codes:
        def encode(pixels: torch.Tensor) -> tuple[torch.Tensor]:
            autoencoder = network.autoencoder
            return (autoencoder.quantiser(autoencoder.encode(pixels * 2 - 1)).codes,)

        return self.by_chunks(network, encode, pixels)[0]

    def _decoded(self, network: Model, codes: Codes) -> Floats:
        def decode(codes: torch.Tensor) -> tuple[torch.Tensor]:
            return ((network.pixels(codes) * 0.5 + 0.5).clamp(0, 1),)

        return self.by_chunks(network, decode, codes)[0]

    def _drawn(
        self,
        network: Model,
        kept: Codes,
        conditions: Floats,
        *,
        seed: int,
        start: int = 0,
        **how: Any,
    ) -> Codes:
        """Draw codes for the samples ``start`` and following of a seed, in float64 if possible.

        ``kept`` are ``(image, *latent)``, -1 where a code is drawn; ``how`` are temperature, top_k
        and top_p of :func:`brainzoo_vqvae.prior.draw_codes`.
        """
        exact = copy.deepcopy(network.prior)
        exact = exact if exact.head.weight.device.type == "mps" else exact.double()
        seeds = (np.random.SeedSequence([seed, start + i]) for i in range(len(kept)))
        uniforms = np.stack([np.random.default_rng(one).random(exact.length) for one in seeds])

        def choose(
            kept: torch.Tensor, conditions: torch.Tensor, uniforms: torch.Tensor
        ) -> tuple[torch.Tensor]:
            like = exact.head.weight
            codes = draw_codes(
                exact, conditions.to(like), uniforms.to(like), given=kept.flatten(1), **how
            )
            return (codes.view(kept.shape),)

        return self.by_chunks(network, choose, kept, conditions, uniforms)[0]

    def _checked(self, codes: Codes) -> Codes:
        latent = self.ready().prior.latent
        fits = codes.shape[1:] == latent and codes.size
        if not fits or codes.min() < 0 or codes.max() >= self.config.codes:
            raise DataError(
                f"found codes of shape {codes.shape[1:]}; expected {latent} whole numbers from 0 "
                f"to {self.config.codes - 1}."
            )
        return codes
