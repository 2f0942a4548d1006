"""What some generators can do besides sampling: reconstruct, score, edit."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from brainzoo.data.subjects import Value


@dataclasses.dataclass(frozen=True)
class Reconstruction:
    """What a model makes of images: mean ``(batch, channel, *spatial)`` in [0, 1].

    And the standard deviation of the likelihood, of the same shape, if the model has one.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32] | None = None


class Reconstructs(ABC):
    """What a generator can do besides: encode an image and decode it again (VAE, VQ-VAE)."""

    @abstractmethod
    def reconstruct(self, pixels: NDArray[np.float32], *, batch_size: int = 64) -> Reconstruction:
        """Return the reconstruction of images ``(batch, channel, *spatial)`` in [0, 1].

        The same images give the same reconstruction, whatever the batch size.
        """

    def anomaly_scores(
        self,
        pixels: NDArray[np.float32],
        *,
        seed: int = 0,
        conditions: Sequence[Mapping[str, Value]] | None = None,
    ) -> Mapping[str, NDArray[np.float32]]:
        """Return how little each pixel belongs, by the name of the score; higher is stranger.

        By default the reconstruction error; a model that knows more adds scores. ``pixels`` and
        maps are ``(image, channel, *spatial)``; the model ignores ``conditions`` that it does not
        use.
        """
        return {"reconstruction error": abs(pixels - self.reconstruct(pixels).mean)}


@runtime_checkable
class Scores(Protocol):
    """A generator that says how likely an image is."""

    def score(
        self,
        pixels: NDArray[np.float32],
        *,
        conditions: Sequence[Mapping[str, Value]] | None = None,
    ) -> NDArray[np.float32]:
        """Return a bound on or proxy of the negative log-likelihood: ``(image,)``.

        Of ``pixels`` ``(image, channel, *spatial)`` in [0, 1], and what is known of each image.
        """


@runtime_checkable
class Edits(Protocol):
    """A generator that changes images it is shown; see ``brainzoo edit``."""

    def inpaint(
        self,
        pixels: NDArray[np.float32],
        mask: NDArray[np.bool_],
        *,
        seed: int = 0,
        conditions: Sequence[Mapping[str, Value]] | None = None,
    ) -> NDArray[np.float32]:
        """Return images whose masked pixels are made anew; the others stay the very same.

        ``pixels`` are ``(image, channel, *spatial)`` in [0, 1], ``mask`` is ``(image, *spatial)``;
        ``conditions`` are what is known of each image.
        """

    def translate(
        self,
        pixels: NDArray[np.float32],
        condition: Mapping[str, Value],
        *,
        conditions: Sequence[Mapping[str, Value]] | None = None,
        strength: float = 0.6,
    ) -> NDArray[np.float32]:
        """Return the same people under another condition, for example ``{"age": 80}``.

        ``conditions`` are what is known of each image now; ``strength`` is from 0 (nothing changes)
        to 1.
        """
