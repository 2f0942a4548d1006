"""The codebook: nearest codes, moving averages, restarts of codes that nobody uses.

van den Oord et al. 2017, "Neural Discrete Representation Learning", section 3.2 and appendix A.1
(codes as moving averages of the latents nearest to them). Cosine codes: Yu et al. 2022,
"Vector-quantized Image Modeling with Improved VQGAN" (latents and codes of one length). Restarts:
Dhariwal et al. 2020, "Jukebox" (codes of low usage are put onto latents of the present batch).

Differences from the papers: usage is compared with what a code would have if all were used alike,
so that one threshold serves every batch size; and a new codebook is one whose codes are all dead,
so that the first batch places them.

Why not vector-quantize-pytorch (1.32): it computes distances and averages in bf16 under autocast on
CPUs, draws from torch's global random state, brings einops, einx and loguru along, and renames its
buffers from time to time, which published checkpoints must survive.
"""

# ruff: noqa: TID253 (imported by networks only)

from __future__ import annotations

import dataclasses
import math

import torch
import torch.distributed as distributed
from torch import nn
from torch.nn.functional import mse_loss, normalize, one_hot

DEAD = 0.01
"""A code is dead below this fraction of the usage that all codes would share equally."""
RESTARTED = 0.1
"""The usage, as the same fraction, that a restarted code begins with: it has time to be found."""

GOLDEN = (math.sqrt(5) - 1) / 2
"""Its multiples, less their whole parts, fill [0, 1) evenly from the first on."""


@dataclasses.dataclass(frozen=True)
class Quantised:
    """Latents ``(batch, length, *latent)`` and the indices ``(batch, *latent)`` of their codes.

    The latents are the codes; gradients pass straight to what went in. ``commitment`` is the mean
    squared distance between what went in and its codes, which pulls the latents.
    """

    latents: torch.Tensor
    codes: torch.Tensor
    commitment: torch.Tensor


class Quantiser(nn.Module):
    """A codebook of ``codes`` vectors; computes in float32 whatever the precision around it.

    Two buffers are all its state, and both are averages over the steps: ``usage``, latents a step
    and code, and ``sums`` of those latents. The codes are their quotient (their direction, for
    cosine codes), which is why averaging the quotients again would be wrong.
    """

    usage: torch.Tensor
    sums: torch.Tensor

    def __init__(self, codes: int, length: int, *, cosine: bool, decay: float) -> None:
        super().__init__()
        self.cosine = cosine
        self.decay = decay
        self.register_buffer("usage", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, length))

    @property
    def vectors(self) -> torch.Tensor:
        """The codes, ``(code, length)``."""
        if self.cosine:
            return _of_one_length(self.sums)
        return self.sums / self.usage.clamp(min=1e-12)[:, None]

    def forward(self, latents: torch.Tensor) -> Quantised:
        """Replace latents ``(batch, length, *latent)`` by the nearest codes."""
        with torch.autocast(latents.device.type, enabled=False):
            rows = self._rows(latents)
            vectors = self.vectors
            codes = self._nearest(rows, vectors)
            chosen = vectors[codes]
            straight = rows + (chosen - rows).detach()
            shape = (len(latents), *latents.shape[2:])
            return Quantised(
                straight.view(*shape, -1).movedim(-1, 1),
                codes.view(shape),
                mse_loss(rows, chosen),
            )

    def look_up(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the vectors ``(batch, length, *latent)`` of codes ``(batch, *latent)``."""
        return self.vectors[codes].movedim(-1, 1)

    @torch.no_grad()
    def restart(self, latents: torch.Tensor, step: int) -> torch.Tensor:
        """Put dead codes onto latents of the present batch; return how many they were.

        Which latents is a matter of the step's number alone: spread evenly over the batch of all
        processes, of which each holds every n-th image, so that how many there are changes nothing.
        """
        rows, processes = self._rows(latents), _processes()
        codes, count = len(self.usage), len(rows)
        turns = torch.arange(step * codes, (step + 1) * codes, device=rows.device).double() * GOLDEN
        chosen, places = (turns.frac() * count * processes).long(), count // len(latents)
        images = chosen // places
        here = (images % processes == (distributed.get_rank() if processes > 1 else 0))[:, None]
        own = images // processes * places + chosen % places
        replacements = torch.where(here, rows[own], 0.0)
        if processes > 1:
            distributed.all_reduce(replacements)
        share = count * processes / codes
        dead = self.usage < DEAD * share
        # `where` instead of an index: nothing waits for the device.
        begun = RESTARTED * share
        self.sums.copy_(torch.where(dead[:, None], replacements * begun, self.sums))
        self.usage.copy_(torch.where(dead, begun, self.usage))
        return dead.sum()

    @torch.no_grad()
    def update(self, latents: torch.Tensor, codes: torch.Tensor) -> None:
        """Move the averages towards the latents of a batch and the codes that they took."""
        rows = self._rows(latents)
        # A product instead of adding by index: the same sums in the same order every time.
        belongs = one_hot(codes.flatten(), len(self.usage)).to(rows.dtype)
        with torch.autocast(latents.device.type, enabled=False):
            both = torch.cat([belongs.sum(0)[:, None], belongs.T @ rows], dim=1)
        if _processes() > 1:
            distributed.all_reduce(both)
        self.usage.lerp_(both[:, 0], 1 - self.decay)
        self.sums.lerp_(both[:, 1:], 1 - self.decay)

    def _rows(self, latents: torch.Tensor) -> torch.Tensor:
        rows = latents.float().movedim(1, -1).flatten(0, -2)
        return _of_one_length(rows) if self.cosine else rows

    def _nearest(self, rows: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            closeness = rows @ vectors.T
            if not self.cosine:
                closeness = closeness - 0.5 * vectors.square().sum(1)
            return closeness.argmax(1)


def perplexity(codes: torch.Tensor, count: int) -> torch.Tensor:
    """Return how many codes are in use, as the exponential of the entropy of their frequencies.

    The frequencies are those of the batches of all processes.
    """
    shares = one_hot(codes.flatten(), count).float().mean(0)
    if _processes() > 1:
        distributed.all_reduce(shares)
        shares = shares / _processes()
    entropy: torch.Tensor = torch.special.entr(shares).sum()
    return entropy.exp()


def _of_one_length(rows: torch.Tensor) -> torch.Tensor:
    """Scale rows so that their numbers are about 1, as the decoder's first weights expect."""
    return normalize(rows, dim=1) * math.sqrt(rows.shape[1])


def _processes() -> int:
    together = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if together else 1
