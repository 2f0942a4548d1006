"""MONAI's networks of a bundle, and decoding in windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from monai.apps.generation.maisi.networks.autoencoderkl_maisi import (
    AutoencoderKlMaisi,
    MaisiConvolution,
)
from monai.apps.generation.maisi.networks.diffusion_model_unet_maisi import DiffusionModelUNetMaisi
from monai.inferers.inferer import SlidingWindowInferer
from monai.networks.nets.autoencoderkl import AutoencoderKL
from monai.networks.nets.diffusion_model_unet import DiffusionModelUNet
from monai.networks.schedulers.ddim import DDIMScheduler
from monai.networks.schedulers.rectified_flow import RFlowScheduler
from torch import nn

from brainzoo.api import IntegrityError
from brainzoo_monai.definitions import Bundle, Definition

CLASSES: dict[str, Any] = {
    "AutoencoderKL": AutoencoderKL,
    "DiffusionModelUNet": DiffusionModelUNet,
    "AutoencoderKlMaisi": AutoencoderKlMaisi,
    "DiffusionModelUNetMaisi": DiffusionModelUNetMaisi,
    "DDIMScheduler": DDIMScheduler,
    "RFlowScheduler": RFlowScheduler,
}
OVERLAP = 0.4
"""Of decoding windows, as NVIDIA's script has it."""
THINNEST = 8
"""Latent voxels that a part of a split convolution has at least: thinner ones break MONAI's."""


def build(definition: Definition) -> Any:
    """Return an object of MONAI's class; weights are the same on every device.

    Flash attention and float16 norms are for GPUs: MONAI refuses or breaks them elsewhere.

    Raises:
        IntegrityError: MONAI refuses the parameters.
    """
    arguments = definition.arguments()
    gpu = torch.cuda.is_available()
    for name in ("use_flash_attention", "norm_float16"):
        if name in arguments:
            arguments[name] = arguments[name] and gpu
    if "save_mem" in arguments:
        arguments["save_mem"] = gpu
    target = str(arguments.get("target") or definition.model_dump()["target"])
    try:
        return CLASSES[target](**arguments)
    except (ValueError, TypeError) as error:
        said = " ".join(str(error).split())[:200].rstrip(".")
        raise IntegrityError(f"MONAI cannot build the {target} of the bundle: {said}.") from None


class Networks(nn.Module):
    """The autoencoder and the diffusion model of a bundle."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__()
        self.autoencoder = build(bundle.autoencoder)
        self.diffusion = build(bundle.diffusion)
        self.scale_factor = bundle.scale_factor

    def decode(self, latents: torch.Tensor, window: int) -> torch.Tensor:
        """Return the images of latents ``(1, channel, x, y, z)``.

        Latents of more than ``window`` cubed voxels are decoded in overlapping windows, weighted
        by a Gaussian, so that memory does not grow with the image.
        """
        sides = windows(latents.shape[2:], window)
        for module in self.autoencoder.modules():
            if isinstance(module, MaisiConvolution):
                module.num_splits = max(1, min(self._splits(module), sides[1] // THINNEST))
        latents = latents / self.scale_factor
        if sides == list(latents.shape[2:]):
            return torch.as_tensor(self.autoencoder.decode_stage_2_outputs(latents))
        inferer = SlidingWindowInferer(
            roi_size=sides,
            sw_batch_size=1,
            overlap=OVERLAP,
            mode="gaussian",
            sw_device=latents.device,
            device=latents.device,
        )
        return torch.as_tensor(inferer(latents, self.autoencoder.decode_stage_2_outputs))

    @staticmethod
    def _splits(module: Any) -> int:
        """Return in how many parts the bundle wants a convolution computed."""
        if not hasattr(module, "splits_of_bundle"):
            module.splits_of_bundle = module.num_splits
        return int(module.splits_of_bundle)


def windows(sides: Sequence[int], window: int) -> list[int]:
    """Return the sides of a decoding window: the whole latent up to ``window`` cubed voxels."""
    if torch.Size(sides).numel() <= window**3:
        return list(sides)
    return [min(window, side) for side in sides]
