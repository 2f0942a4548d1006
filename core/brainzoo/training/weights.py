"""A network's weights as numpy arrays and back, strictly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from brainzoo.common.errors import IntegrityError


def arrays_of(network: nn.Module) -> dict[str, NDArray[np.generic]]:
    """Return parameters and buffers as contiguous arrays on the CPU."""
    return {
        name: value.detach().cpu().contiguous().numpy()
        for name, value in network.state_dict().items()
    }


def load_arrays(network: nn.Module, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Fill a network (it may be on the meta device) with exactly these weights.

    Raises:
        IntegrityError: Names, shapes or types differ, or a number is not finite; says which.
    """
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    expected = network.state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        found, wanted = (_kind(of.get(name)) for of in (tensors, expected))
        if found != wanted:
            what = f"{found}; expected {wanted}" if found and wanted else "unknown"
            raise IntegrityError(
                f"the weights do not fit the network: {name!r} is {what if found else 'missing'}."
            )
        if not bool(torch.isfinite(tensors[name]).all()):
            raise IntegrityError(f"weight {name!r} holds numbers that are NaN or infinite.")
    network.load_state_dict(tensors, strict=True, assign=True)


def _kind(tensor: torch.Tensor | None) -> str:
    return "" if tensor is None else f"{tensor.dtype} {tuple(tensor.shape)}"
