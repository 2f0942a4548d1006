"""Where to compute and in which precision."""

from __future__ import annotations

import dataclasses

import torch
from torch import nn

from brainzoo.errors import OptionError


@dataclasses.dataclass(frozen=True)
class Compute:
    """A device and the precision of the matrix products on it.

    Attributes:
        device: Where tensors live.
        dtype: ``torch.bfloat16`` for mixed precision (weights stay float32), else float32.
    """

    device: torch.device
    dtype: torch.dtype

    def autocast(self) -> torch.autocast:
        """Return the context in which networks run."""
        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.dtype is torch.bfloat16
        )

    def place(self, network: nn.Module) -> None:
        """Move a network here, with its channels last: 1.3 times faster convolutions on CPUs."""
        network.to(self.device)
        for parameter in network.parameters():
            parameter.data = _channels_last(parameter.data)

    def tensor(self, values: torch.Tensor) -> torch.Tensor:
        """Move a batch ``(batch, channel, *spatial)`` here, channels last."""
        return _channels_last(values.to(self.device, non_blocking=True))


def compute(device: str = "auto", precision: str = "auto") -> Compute:
    """Choose device and precision.

    Args:
        device: ``auto`` takes CUDA, then Apple's MPS, then the CPU.
        precision: ``auto`` takes bf16 where the hardware multiplies it natively (it doubles the
            speed of training on CPUs with AVX512-BF16 or AMX), else float32.

    Raises:
        OptionError: The device is not there.
    """
    if device == "auto":
        cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
        device = "cuda" if cuda else "mps" if mps else "cpu"
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise OptionError(
            f"device {device!r} cannot be used: {reason}", "Try --device cpu."
        ) from None
    if precision == "auto":
        precision = "bf16" if _multiplies_bf16(chosen) else "fp32"
    return Compute(chosen, torch.bfloat16 if precision == "bf16" else torch.float32)


def _multiplies_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def _channels_last(values: torch.Tensor) -> torch.Tensor:
    if values.ndim == 4:
        return values.contiguous(memory_format=torch.channels_last)
    if values.ndim == 5:
        return values.contiguous(memory_format=torch.channels_last_3d)
    return values
