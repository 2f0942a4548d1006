"""Where the latents of samples come from: Gaussians fitted to the latents of the training images.

The encoder's Gaussians together, the aggregated posterior, are not N(0, I); latents that no image
has decode to blurred or odd heads. So a second stage fits the aggregated posterior (Dai and Wipf
2019, "Diagnosing and Enhancing VAE Models"; Ghosh et al. 2020, "From Variational to Deterministic
Autoencoders", with a mixture of Gaussians, as here):

- latents shift with age, sex and class: a ridge regression on the encoded conditions takes that out
  (and moves a latent along age);
- a mixture of Gaussians is fitted to what remains, its number of components chosen by the
  likelihood of subjects that were left out.
"""

# ruff: noqa: TID253 (imported by brainzoo_vae.generator only)

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GroupKFold
from torch import nn

from brainzoo.training import latents

Floats = NDArray[np.float32]
COMPONENTS = (1, 2, 4, 8)
FOLDS = 4
DRAWS = 4
"""Latents drawn of each image's Gaussian: their spread belongs to the aggregated posterior."""
MOST = 20_000
"""Latents that the mixture is fitted to at most: more change nothing but the minutes it takes."""
RIDGE = 10.0
"""As if that many images more had latents without any trend."""
FLOOR = 1e-3
"""Variance added to each Gaussian's; latents have variances around 1."""


class Prior(nn.Module):
    """A regression on conditions and a mixture of Gaussians; N(0, I) before it is fitted."""

    slopes: torch.Tensor
    weights: torch.Tensor
    means: torch.Tensor
    factors: torch.Tensor

    def __init__(self, latent: int, conditions: int, components: int = 1) -> None:
        super().__init__()
        self.register_buffer("slopes", torch.zeros(conditions, latent))
        self.register_buffer("weights", torch.full((components,), 1 / components))
        self.register_buffer("means", torch.zeros(components, latent))
        self.register_buffer("factors", torch.eye(latent).repeat(components, 1, 1))

    @classmethod
    def fitted(
        cls,
        mean: Floats,
        std: Floats,
        conditions: Floats,
        subjects: Sequence[str],
        seed: int,
        components: Sequence[int] = COMPONENTS,
    ) -> Prior:
        """Fit to the encoder's Gaussians of the training images, ``mean`` and ``std``.

        Both are ``(image, latent)``, ``conditions`` ``(image, width)``, encoded; ``subjects`` say
        whose image each is, ``components`` are the numbers of Gaussians to choose from.
        """
        slopes = _slopes(mean, conditions)
        rng = np.random.default_rng(seed)
        images = np.tile(np.arange(len(mean)), DRAWS)
        if len(images) > MOST:
            images = np.sort(rng.choice(images, MOST, replace=False))
        noise = rng.standard_normal((len(images), mean.shape[1]))
        draws = (mean - conditions @ slopes)[images] + std[images] * noise
        groups = np.unique(list(subjects), return_inverse=True)[1][images]
        best = _best(draws, groups, seed, components)
        mixture = _mixture(best, draws, seed)
        prior = cls(mean.shape[1], conditions.shape[1], best)
        prior.slopes.copy_(torch.from_numpy(slopes))
        prior.weights.copy_(torch.from_numpy(mixture.weights_))
        prior.means.copy_(torch.from_numpy(mixture.means_))
        prior.factors.copy_(torch.from_numpy(np.linalg.cholesky(mixture.covariances_)))
        return prior

    @property
    def components(self) -> int:
        """Gaussians of the mixture."""
        return len(self.weights)

    def residuals(self, seed: int, start: int, count: int) -> Floats:
        """Return what to add to :meth:`shift` for samples from ``start`` on."""
        edges = np.cumsum(self.weights.cpu().numpy().astype(np.float64))
        noise = latents(seed, start, count, self.means.shape[1], "normal")
        means, factors = self.means.cpu().numpy(), self.factors.cpu().numpy()
        rows = []
        for index, own in zip(range(start, start + count), noise, strict=True):
            draw = np.random.default_rng(np.random.SeedSequence([seed, index, 2])).random()
            chosen = min(int(np.searchsorted(edges, draw * edges[-1], "right")), len(edges) - 1)
            rows.append(means[chosen] + factors[chosen] @ own)
        return np.stack(rows).astype(np.float32) if rows else noise

    def shift(self, conditions: Floats) -> Floats:
        """Return where the latents of such images lie, ``(image, latent)``."""
        return np.asarray(conditions @ self.slopes.cpu().numpy())


def _slopes(mean: Floats, conditions: Floats) -> Floats:
    """Return the ridge regression ``(width, latent)`` of latents on centred conditions."""
    centred = conditions - conditions.mean(0) if len(conditions) else conditions
    normal = centred.T @ centred + RIDGE * np.eye(conditions.shape[1])
    return np.linalg.solve(normal, centred.T @ (mean - mean.mean(0))).astype(np.float32)


def _best(
    draws: NDArray[np.floating], groups: NDArray[np.intp], seed: int, components: Sequence[int]
) -> int:
    """Return the number of components under which left-out subjects are likeliest."""
    folds = min(FOLDS, len(np.unique(groups)))
    fitting = [n for n in components if n <= len(draws) // 2]
    if folds < 2 or len(fitting) < 2:
        return min(fitting, default=1)
    scores = []
    for number in fitting:
        score = 0.0
        for train, test in GroupKFold(folds).split(draws, groups=groups):
            score += _mixture(number, draws[train], seed).score(draws[test]) * len(test)
        scores.append(score)
        if len(scores) > 1 and scores[-1] < scores[-2]:
            break  # more of them would only know the training subjects better
    return fitting[int(np.argmax(scores))]


def _mixture(components: int, draws: NDArray[np.floating], seed: int) -> GaussianMixture:
    with warnings.catch_warnings():
        # An early end is a fit as well; what counts is the likelihood of those left out.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted: GaussianMixture = GaussianMixture(
            components, reg_covar=FLOOR, max_iter=50, random_state=seed % 2**32
        ).fit(draws.astype(np.float64))
    return fitted
