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
    expected = network.state_dict()
    missing = sorted(expected.keys() - arrays.keys())
    extra = sorted(arrays.keys() - expected.keys())
    if missing or extra:
        raise IntegrityError(
            f"the weights do not fit the network: {len(missing)} missing"
            f"{_first(missing)}, {len(extra)} unknown{_first(extra)}."
        )
    tensors = {}
    for name, value in expected.items():
        array = torch.from_numpy(np.array(arrays[name]))
        if array.shape != value.shape or array.dtype != value.dtype:
            raise IntegrityError(
                f"weight {name!r} is {array.dtype} {tuple(array.shape)}; expected "
                f"{value.dtype} {tuple(value.shape)}."
            )
        if array.is_floating_point() and not bool(torch.isfinite(array).all()):
            raise IntegrityError(f"weight {name!r} holds numbers that are NaN or infinite.")
        tensors[name] = array
    network.load_state_dict(tensors, strict=True, assign=True)


def _first(names: list[str]) -> str:
    return f" (first {names[0]!r})" if names else ""
