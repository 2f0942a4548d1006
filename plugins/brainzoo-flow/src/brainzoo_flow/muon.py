"""Muon: momentum whose directions all count the same.

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"
(kellerjordan.github.io/posts/muon). The scale of an update is that of Liu et al. 2025 (arXiv
2502.16982), section 2.2, so that AdamW's learning rate and decay serve both.
``torch.optim.Muon`` takes matrices only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import torch
from torch import nn

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration: steepest at 0, so that five rounds bring all singular values near 1."""
ROUNDS = 5


class Muon(torch.optim.AdamW):
    """Muon for hidden convolutions, AdamW for everything else.

    Args:
        hidden: Weights ``(out, in, *kernel)``, each treated as a matrix of ``out`` rows.
        others: Biases, norms, embeddings, the first layer and the last.
        lr: Learning rate of both.
        betas: AdamW's.
        weight_decay: Of both.
    """

    def __init__(
        self,
        hidden: Collection[nn.Parameter],
        others: Collection[nn.Parameter],
        *,
        lr: float,
        betas: tuple[float, float],
        weight_decay: float,
    ) -> None:
        groups = [{"params": list(hidden)}, {"params": list(others)}]
        super().__init__(groups, lr=lr, betas=betas, weight_decay=weight_decay, fused=True)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a state; AdamW's own would look for its steps in weights that have none."""
        torch.optim.Optimizer.__setstate__(self, state)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Update all weights; gradients of the hidden ones are gone afterwards."""
        hidden = self.param_groups[0]
        for weight in hidden["params"]:
            if weight.grad is None:
                continue
            state = self.state[weight]
            if not state:
                state["momentum"] = torch.zeros_like(weight)
            momentum = state["momentum"].lerp_(weight.grad, 1 - MOMENTUM)
            ahead = weight.grad.lerp(momentum, MOMENTUM)  # Nesterov's
            update = orthogonal(ahead.flatten(1)).view(weight.shape)
            scale = 0.2 * max(len(weight), weight[0].numel()) ** 0.5
            weight.mul_(1 - hidden["lr"] * hidden["weight_decay"])
            weight.add_(update, alpha=-hidden["lr"] * scale)
            weight.grad = None  # so that AdamW passes it over
        return super().step(closure)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """Return a matrix of the same singular vectors, whose singular values are all about 1.

    A round multiplies the matrix by a polynomial of its Gram matrix, whose side is the shorter one;
    so the rounds go over the Gram matrix, and only their product meets the long matrix (Zhang et
    al. 2026, "Gram Newton-Schulz", tridao.me/blog/2026/gram-newton-schulz). Its restarts are for
    half precision; in float32 small singular values survive being squared.

    Args:
        matrix: ``(rows, columns)``, float32.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.mT if tall else matrix
    x = x / x.norm().clamp(min=1e-7)
    gram = x @ x.mT
    whole = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    a, b, c = COEFFICIENTS
    for _ in range(ROUNDS):
        step = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        step.diagonal().add_(a)
        whole = step @ whole
        gram = step @ gram @ step
    even: torch.Tensor = whole @ x
    return even.mT if tall else even


def hidden_and_others(
    named: Iterable[tuple[str, nn.Parameter]], ends: tuple[str, ...]
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the convolutions' weights apart from those of layers named ``ends``, and the rest."""
    both: tuple[list[nn.Parameter], list[nn.Parameter]] = [], []
    for name, weight in named:
        both[weight.ndim <= 2 or name.startswith(ends)].append(weight)
    return both
