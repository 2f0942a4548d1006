"""The prior: a transformer that knows which codes follow which, in raster order.

van den Oord et al. 2017 train an autoregressive prior over the codes (section 3.3); Tudosiu et al.
2022 make it a transformer for 3-D brains. Layers are those of GPT-2 (Radford et al. 2019).

Differences: positions are learned an axis of the grid of codes, so that volumes need few of them;
conditions enter as a vector that is added to every input; attention is exact
(``scaled_dot_product_attention``) instead of an approximation.
"""

# ruff: noqa: TID253 (imported by generator only)

from __future__ import annotations

import functools
from typing import cast

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

HEAD = 32
"""Features per attention head."""

Cache = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of every layer, ``(batch, head, position, feature)``, for all positions."""


class Prior(nn.Module):
    """Codes so far and a condition to logits of the next code."""

    def __init__(
        self,
        latent: tuple[int, ...],
        codes: int,
        condition: int,
        *,
        width: int,
        layers: int,
        dropout: float = 0.0,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.latent = latent
        self.length = torch.Size(latent).numel()
        self.checkpointing = checkpointing
        self.embed = nn.Embedding(codes + 1, width)  # the last one begins every sequence
        self.positions = nn.ParameterList(nn.Parameter(torch.zeros(n, width)) for n in latent)
        self.condition = (
            nn.Sequential(nn.Linear(condition, width), nn.GELU(), nn.Linear(width, width))
            if condition
            else None
        )
        self.layers = nn.ModuleList(Layer(width, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, codes, bias=False)
        nn.init.normal_(self.embed.weight, std=0.02)
        for axis in self.positions:
            nn.init.normal_(axis, std=0.02)
        nn.init.zeros_(self.head.weight)  # all codes alike until it has learnt

    @property
    def begun(self) -> bool:
        """Whether it has learnt anything yet."""
        return bool(self.head.weight.any())

    def forward(self, codes: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """Return logits ``(batch, position, code)``; those of a position see earlier codes only.

        ``codes`` are ``(batch, position)`` in raster order.
        """
        begin = torch.full_like(codes[:, :1], self.embed.num_embeddings - 1)
        before = torch.cat([begin, codes[:, :-1]], dim=1)
        features = self._inputs(before, condition, slice(0, before.shape[1]))
        for layer in self.layers:
            if self.checkpointing and torch.is_grad_enabled():
                features = checkpoint(layer, features, use_reentrant=False)
            else:
                features = layer(features)
        return cast(torch.Tensor, self.head(self.norm(features)))

    def cache(self, batch: int) -> Cache:
        """Return an empty cache for sequences of full length."""
        like = self.head.weight
        shape = (batch, like.shape[1] // HEAD, self.length, HEAD)
        return [(like.new_zeros(shape), like.new_zeros(shape)) for _ in self.layers]

    def next(
        self, code: torch.Tensor | None, condition: torch.Tensor, position: int, cache: Cache
    ) -> torch.Tensor:
        """Return the logits ``(batch, code)`` at a position, and remember its keys and values.

        ``code`` is that of the position before, ``None`` at the first. All earlier positions were
        asked for before, with the same ``cache``, which is filled in place.
        """
        if code is None:
            begin = self.embed.num_embeddings - 1
            code = torch.full((len(condition),), begin, device=condition.device)
        features = self._inputs(code[:, None], condition, slice(position, position + 1))
        for layer, own in zip(self.layers, cache, strict=True):
            features = cast(Layer, layer).next(features, position, own)
        return cast(torch.Tensor, self.head(self.norm(features[:, 0])))

    def _inputs(
        self, codes: torch.Tensor, condition: torch.Tensor, positions: slice
    ) -> torch.Tensor:
        features = self.embed(codes) + self._grid()[positions]
        if self.condition is not None:
            features = features + self.condition(condition)[:, None]
        return cast(torch.Tensor, features)

    def _grid(self) -> torch.Tensor:
        """Return the features ``(position, width)`` of every place in the grid."""
        grid = functools.reduce(lambda grid, axis: grid[..., None, :] + axis, self.positions)
        return cast(torch.Tensor, grid).flatten(0, -2)


class Layer(nn.Module):
    """Attention to what came before, and a perceptron; both added to what they are given."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.project_in = nn.Linear(width, 3 * width)
        self.project_out = nn.Linear(width, width)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(dropout)
        for out in (self.project_out, self.perceptron[-1]):
            nn.init.zeros_(cast(torch.Tensor, out.weight))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return features ``(batch, position, width)``; each position sees itself and earlier."""
        queries, keys, values = self._heads(features)
        mixed = scaled_dot_product_attention(queries, keys, values, is_causal=True)
        return self._add(features, mixed)

    def next(
        self, features: torch.Tensor, position: int, cache: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        """Return features ``(batch, 1, width)`` of one position, after those in the cache."""
        queries, keys, values = self._heads(features)
        cache[0][:, :, position], cache[1][:, :, position] = keys[:, :, 0], values[:, :, 0]
        keys, values = (held[:, :, : position + 1] for held in cache)
        return self._add(features, scaled_dot_product_attention(queries, keys, values))

    def _heads(self, features: torch.Tensor) -> tuple[torch.Tensor, ...]:
        batch, positions, width = features.shape
        projected = self.project_in(self.norm_attention(features))
        heads = projected.view(batch, positions, 3, width // HEAD, HEAD)
        return tuple(heads.permute(2, 0, 3, 1, 4).unbind(0))

    def _add(self, features: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
        mixed = mixed.transpose(1, 2).flatten(2)
        features = features + self.dropout(self.project_out(mixed))
        return cast(torch.Tensor, features + self.dropout(self.perceptron(features)))


@torch.inference_mode()
def draw_codes(
    prior: Prior,
    condition: torch.Tensor,
    uniforms: torch.Tensor,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    given: torch.Tensor | None = None,
) -> torch.Tensor:
    """Draw codes ``(batch, position)`` one after the other; see :func:`probabilities`.

    By a prior in float64 the choices are the same on all hardware: each one is a comparison, and in
    float32 one of thousands falls to the other side. ``uniforms``, ``(batch, position)`` in [0, 1),
    decide everything; codes that are ``given`` are kept where they are not -1.
    """
    cache = prior.cache(len(condition))
    drawn: list[torch.Tensor] = []
    for position in range(uniforms.shape[1]):
        logits = prior.next(drawn[-1] if drawn else None, condition, position, cache)
        shares = probabilities(logits, temperature, top_k, top_p).cumsum(1)
        # Scaled by the last sum, which rounding may leave a little below 1, and always less.
        below = uniforms[:, position, None].to(shares).clamp(max=1 - torch.finfo(shares.dtype).eps)
        code = torch.searchsorted(shares, below * shares[:, -1:], right=True)[:, 0]
        if given is not None:
            code = torch.where(given[:, position] < 0, code, given[:, position])
        drawn.append(code)
    return torch.stack(drawn, dim=1)


def probabilities(
    logits: torch.Tensor, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> torch.Tensor:
    """Return the probabilities ``(batch, code)`` that codes are drawn by.

    The temperature divides the logits. Only the ``top_k`` likeliest codes are drawn (0: all), and
    only the fewest, likeliest first, of at least the probability ``top_p`` (Holtzman 2020).
    """
    logits = logits / temperature
    if 0 < top_k < logits.shape[1]:
        least = logits.topk(top_k, dim=1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    shares = logits.softmax(1)
    if top_p < 1:
        ordered, order = shares.sort(dim=1, descending=True)
        before = ordered.cumsum(1) - ordered  # what likelier codes hold already
        kept = torch.zeros_like(shares).scatter(1, order, ordered * (before < top_p))
        shares = kept / kept.sum(1, keepdim=True)
    return shares
