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
        IntegrityError: Names, shapes or types differ; says which.
    """
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    expected = network.state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        both = (tensors.get(name), expected.get(name))
        found, wanted = ("" if t is None else f"{t.dtype} {tuple(t.shape)}" for t in both)
        if found != wanted:
            what = f"{found}; expected {wanted}" if found and wanted else "unknown"
            raise IntegrityError(
                f"the weights do not fit the network: {name!r} is {what if found else 'missing'}."
            )
    network.load_state_dict(tensors, strict=True, assign=True)
