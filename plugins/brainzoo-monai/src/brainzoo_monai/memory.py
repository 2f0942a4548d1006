"""How much memory an image takes, found out without any: the networks run on the meta device."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from brainzoo.api import Value
from brainzoo_monai.definitions import Bundle
from brainzoo_monai.networks import Networks, windows
from brainzoo_monai.sampling import integrator

SPARE = 1.25
"""Times what tensors take: workspaces of convolutions, and what allocators keep."""
HALF = 0.75
"""Of it in float16, as norms stay in float32; NVIDIA measured 15 GB at 256 × 256 × 128."""
PROGRAM = 800_000_000
"""Bytes of Python, torch and MONAI themselves."""


def memory_of(
    bundle: Bundle,
    row: Mapping[str, Value],
    *,
    size: Sequence[int],
    window: int,
    guidance: float,
    half: bool,
) -> int:
    """Return about how many bytes an image takes at the most, weights included.

    Args:
        bundle: The model.
        row: Conditions of an image.
        size: Its voxels.
        window: Latent voxels a side that are decoded at once.
        guidance: MAISI: above 0 the network sees each image twice.
        half: Whether networks compute in float16.
    """
    with torch.device("meta"):
        networks = Networks(bundle)
    weights = sum(value.numel() * value.itemsize for value in networks.state_dict().values())
    latent = (1, bundle.autoencoder.latent_channels, *(side // bundle.shrink for side in size))
    step = integrator(bundle, steps=1, guidance=guidance, spacing_mm=bundle.spacing_mm)
    noise = torch.empty(latent, device="meta")
    seen = torch.empty(*latent[:2], *windows(latent[2:], window), device="meta")
    peak = max(
        peak_bytes(lambda: step(networks, noise, [row])),
        peak_bytes(lambda: networks.decode(seen, max(window, *seen.shape[2:]))),
    )
    images = 4 * 4 * torch.Size(size).numel()  # as decoded, summed, turned and kept
    return PROGRAM + int(weights + SPARE * peak * (HALF if half else 1)) + images


def peak_bytes(function: Callable[[], object]) -> int:
    """Return the most bytes that tensors take at once while a function runs on the meta device."""
    live = _Live()
    with torch.inference_mode(), live:
        function()
    return live.most


class _Live(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of tensors that are alive."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self._tensors: dict[int, int] = {}  # how many share a storage

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, torch.Tensor):
                self._add(tensor)
        return result

    def _add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key not in self._tensors:
            self.now += size
            self.most = max(self.most, self.now)
        self._tensors[key] = self._tensors.get(key, 0) + 1
        weakref.finalize(tensor, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._tensors[key] -= 1
        if not self._tensors[key]:
            del self._tensors[key]
            self.now -= size
