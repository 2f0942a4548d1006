"""The two stages of training: the autoencoder with its codebook, then the prior over its codes.

Several processes train what one does, to the last digits, but for two things: each draws its own
dropout, and with ``--loss l1`` the slope jumps where a pixel is right to the last digit, so that
the order of summation decides there. Neither makes a model better or worse.
"""

# ruff: noqa: TID253 (imported by generator only)

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy, l1_loss, mse_loss

from brainzoo.training import Phase, Step
from brainzoo_vqvae.config import VQVAEConfig
from brainzoo_vqvae.networks import Autoencoder, spectral_distance
from brainzoo_vqvae.prior import Prior
from brainzoo_vqvae.quantiser import perplexity

Figures = dict[str, torch.Tensor]

WITHHELD = 0.1
"""The fraction of images whose condition the prior is not told."""


def stages(
    config: VQVAEConfig, autoencoder: Autoencoder, prior: Prior, known: torch.Tensor
) -> list[Phase]:
    """Return what :func:`brainzoo.training.fit` needs: one phase after the other.

    Args:
        config: The options.
        autoencoder: Trained in the first part of the budget.
        prior: Trained in the rest.
        known: ``(row, numbers)``: the encoded conditions that labels of images are indices of.
    """

    def autoencoder_loss(
        pixels: torch.Tensor, labels: torch.Tensor, step: Step
    ) -> tuple[torch.Tensor, Figures]:
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

    def prior_loss(
        pixels: torch.Tensor, labels: torch.Tensor, step: Step
    ) -> tuple[torch.Tensor, Figures]:
        with torch.no_grad():
            codes = autoencoder.quantiser(autoencoder.encode(pixels)).codes.flatten(1)
        told = step.uniform(len(pixels), 1) >= WITHHELD
        logits = prior(codes, known.to(pixels.device)[labels] * told)
        return cross_entropy(logits.float().flatten(0, 1), codes.flatten()), {}

    turn = 1 - config.prior_share
    adam = torch.optim.Adam(autoencoder.parameters(), lr=config.lr, fused=True)
    adamw = torch.optim.AdamW(
        prior.parameters(), config.prior_lr, (0.9, 0.95), weight_decay=0.05, fused=True
    )
    return [
        Phase("autoencoder", autoencoder, adam, autoencoder_loss, end=turn),
        Phase("prior", prior, adamw, prior_loss, start=turn),
    ]
