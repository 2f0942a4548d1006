"""Sampling in fixed chunks, so that the batch size never changes an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

CHUNK = 8
"""Images computed at once: small enough for a CPU's cache (bf16, 64–128 px), and fixed, because
convolution libraries choose other summation orders for other batch sizes."""


def in_chunks(
    make: Callable[[int, int], NDArray[np.float32]],
    n: int,
    batch_size: int,
    chunk: int = CHUNK,
    *,
    start: int = 0,
) -> Iterator[NDArray[np.float32]]:
    """Yield ``n`` images in arrays of ``batch_size``, made in chunks of always the same size.

    Chunks begin at multiples of their size, wherever ``start`` is: an image always has the same
    neighbours, and so the same bits. ``make`` gets the index of the first image and the chunk's
    size, and returns ``(chunk, channel, *spatial)``.
    """
    waiting: list[NDArray[np.float32]] = []
    held, stop = 0, start + n
    for at in range(start - start % chunk, stop, chunk):
        # cuDNN would otherwise round the products of convolutions to 10 bits (TF32).
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            made = make(at, chunk)
        waiting.append(made[max(0, start - at) : stop - at])
        held += len(waiting[-1])
        while held >= batch_size or (held and at + chunk >= stop):
            ready = np.concatenate(waiting)
            yield ready[:batch_size]
            waiting, held = [ready[batch_size:]], max(0, held - batch_size)
