"""From noise to latents, as the makers of both families do it; deterministic but for the noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from brainzoo.api import Value
from brainzoo_monai.conditions import contrast_of, told
from brainzoo_monai.definitions import Bundle
from brainzoo_monai.networks import Networks, build

Rows = Sequence[Mapping[str, Value]]
Integrate = Callable[[Networks, torch.Tensor, Rows], torch.Tensor]
"""From noise ``(sample, channel, x, y, z)`` to latents, told a row of conditions a sample."""


def integrator(
    bundle: Bundle, *, steps: int, guidance: float, spacing_mm: Sequence[float]
) -> Integrate:
    """Return what makes latents of noise.

    Args:
        bundle: Decides the family.
        steps: From noise to latents.
        guidance: MAISI: how much the contrast is exaggerated.
        spacing_mm: MAISI: voxel size, which the network is told.
    """

    def diffusion(networks: Networks, z: torch.Tensor, rows: Rows) -> torch.Tensor:
        """By DDIM without noise; conditions as constant channels and as context."""
        scheduler = build(bundle.scheduler)
        scheduler.set_timesteps(steps)
        numbers = torch.tensor([told(bundle.conditions, row) for row in rows], device=z.device)
        planes = numbers[:, :, None, None, None].expand(-1, -1, *z.shape[2:])
        context = numbers[:, None] if bundle.conditions else None
        for t in scheduler.timesteps.tolist():
            times = torch.full((len(z),), t, device=z.device)
            noise = networks.diffusion(torch.cat((z, planes), 1), timesteps=times, context=context)
            z, _ = scheduler.step(noise, t, z)
        return z

    def flow(networks: Networks, z: torch.Tensor, rows: Rows) -> torch.Tensor:
        """By rectified flow; the contrast as a class, guided away from class 0, the unknown."""
        scheduler = build(bundle.scheduler)
        scheduler.set_timesteps(steps, input_img_size_numel=z.shape[2:].numel())
        twice = 2 if guidance and bundle.contrasts else 1
        more: dict[str, Any] = {}
        if getattr(bundle.diffusion, "include_spacing_input", False):
            spacing = torch.tensor([list(spacing_mm)], device=z.device) * 100
            more["spacing_tensor"] = spacing.expand(twice * len(z), -1)
        if bundle.contrasts:
            known = torch.tensor([bundle.contrasts[contrast_of(row)] for row in rows])
            labels = (known, torch.zeros_like(known))[:twice]
            more["class_labels"] = torch.cat(labels).to(z.device)
        times = scheduler.timesteps.tolist()
        for t, following in zip(times, [*times[1:], 0.0], strict=True):
            now = torch.full((twice * len(z),), float(t), device=z.device)
            velocity = networks.diffusion(x=torch.cat([z] * twice), timesteps=now, **more)
            if twice == 2:
                velocity, free = velocity.chunk(2)
                velocity = free + guidance * (velocity - free)
            z, _ = scheduler.step(velocity, t, z, following)
        return z

    return flow if bundle.maisi else diffusion
