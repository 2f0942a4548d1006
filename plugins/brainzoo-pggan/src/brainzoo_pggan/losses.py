"""What the two networks minimise, and how the balance between them is told.

- ``wgan-gp``: Gulrajani et al. 2017, equation 3, with the drift term of Karras et al. 2018,
  appendix A.1;
- ``r1``: the non-saturating loss of Goodfellow et al. 2014 with the penalty R1 of Mescheder et al.
  2018, section 4.1;
- ``rpgan``: the relativistic pairing loss with R1 and R2 of Huang et al. 2024, section 2.
"""

# ruff: noqa: TID253 (imported by game.py only)

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn.functional import softplus

Critic = Callable[[torch.Tensor], torch.Tensor]
"""From images ``(batch, channel, *spatial)`` to logits ``(batch,)``."""

GAMMA = 4e-3
"""γ for a pixel and a batch of one: 20 times what Karras et al. 2020, "Training Generative
Adversarial Networks with Limited Data", scale in the same way; better on 81 subjects
(docs/results.md)."""


def discriminator_loss(kind: str, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """Return the discriminator's loss without penalties, of logits ``(batch,)``."""
    if kind == "wgan-gp":
        return fake.mean() - real.mean()
    if kind == "rpgan":
        return softplus(fake - real).mean()
    return softplus(-real).mean() + softplus(fake).mean()


def generator_loss(kind: str, real: torch.Tensor | None, fake: torch.Tensor) -> torch.Tensor:
    """Return the generator's loss, of logits ``(batch,)``; only ``rpgan`` needs those of reals."""
    if kind == "wgan-gp":
        return -fake.mean()
    if kind == "rpgan" and real is not None:
        return softplus(real - fake).mean()
    return softplus(-fake).mean()


def gradient_penalty(critic: Critic, images: torch.Tensor) -> torch.Tensor:
    """Return the mean squared distance of the gradient's norm from one (WGAN-GP).

    Args:
        critic: What is penalised; of each image's logit, the gradient at that image counts.
        images: Points between real and fake images, ``(batch, channel, *spatial)``.
    """
    norms = (_gradient(critic, images).square().flatten(1).sum(1) + 1e-12).sqrt()
    return (norms - 1).square().mean()


def gradient_size(critic: Critic, images: torch.Tensor) -> torch.Tensor:
    """Return the mean squared norm of the gradient at the images (R1 at reals, R2 at fakes)."""
    return _gradient(critic, images).square().flatten(1).sum(1).mean()


def between(real: torch.Tensor, fake: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Return points on the lines from real images to fake ones, at shares ``(batch,)``."""
    return real + share.view(-1, *[1] * (real.ndim - 1)) * (fake - real)


def balance(kind: str, real: torch.Tensor, fake: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return figures that tell how the game stands, of logits ``(batch,)``.

    Returns:
        ``drift``: mean logit of reals minus that of fakes; ``certain``: whether every real one of
        the batch lies above every fake one (its mean is the share of such steps); ``d_real`` and
        ``d_fake``: mean probability of being real, where the logits stand for one (for ``rpgan``,
        of being more real than the mean of the other kind).
    """
    figures = {
        "drift": real.mean() - fake.mean(),
        "certain": (real.min() > fake.max()).float(),
    }
    if kind == "r1":
        figures |= {"d_real": real.sigmoid().mean(), "d_fake": fake.sigmoid().mean()}
    if kind == "rpgan":
        figures |= {
            "d_real": (real - fake.mean()).sigmoid().mean(),
            "d_fake": (fake - real.mean()).sigmoid().mean(),
        }
    return figures


def _gradient(critic: Critic, images: torch.Tensor) -> torch.Tensor:
    images = images.detach().requires_grad_(True)
    total = critic(images).sum()
    (gradient,) = torch.autograd.grad(total, images, create_graph=True)
    return gradient
