"""Scores of what does not belong, by restoration.

Marimont and Tarroni 2021, "Anomaly detection through latent space restoration using
vector-quantized variational autoencoders". Differences from the paper: restorations count equally,
and the likelihood of codes is shown as a map instead of being summed up for the image only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import Value

if TYPE_CHECKING:
    from brainzoo_vqvae.generator import VQVAE

Floats = NDArray[np.float32]
RESTORATIONS = 4
UNLIKELY = -5.0
"""Codes of a lower log-probability, in nats, are drawn anew."""


def anomaly_scores(
    generator: VQVAE,
    pixels: Floats,
    seed: int,
    conditions: Sequence[Mapping[str, Value]] | None,
) -> dict[str, Floats]:
    """Return the reconstruction error, the difference from restorations, and unlikely codes.

    Args:
        generator: A trained model.
        pixels: ``(image, channel, *spatial)`` in [0, 1].
        seed: Decides the restorations.
        conditions: What is known of each image.

    Returns:
        Maps of the shape of ``pixels``, high where something does not belong.
    """
    codes = generator.encode(pixels)
    unlikely = -generator.log_probabilities(codes, conditions=conditions)
    restored = np.zeros(pixels.shape, np.float32)
    for draw in range(RESTORATIONS):
        made = generator.restore(
            pixels, seed=seed + draw * 1_000_003, threshold=UNLIKELY, conditions=conditions
        )
        restored += np.abs(pixels - made) / RESTORATIONS
    covers = 2 ** len(generator.config.widths)  # pixels a side that a code stands for
    for axis, side in enumerate(pixels.shape[2:], start=1):
        before = (covers * unlikely.shape[axis] - side) // 2  # of padding, as the networks pad
        unlikely = np.take(unlikely.repeat(covers, axis), range(before, before + side), axis)
    return {
        "reconstruction error": np.abs(pixels - generator.decode(codes)),
        "restoration": restored,
        "unlikely codes": np.broadcast_to(unlikely[:, None], pixels.shape),
    }
