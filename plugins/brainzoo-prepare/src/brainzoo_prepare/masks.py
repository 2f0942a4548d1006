"""Brain masks by deepbet: https://github.com/wwu-mmll/deepbet.

Fisch L, Zumdick S, Barkhau C, et al. (2024). deepbet: Fast brain extraction of T1-weighted MRI
using convolutional neural networks. Computers in Biology and Medicine 179:108845,
https://doi.org/10.1016/j.compbiomed.2024.108845. Its two networks come inside the package, as
TorchScript: nothing is downloaded.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import DataError, Subject, Volume
from brainzoo_prepare.scans import Ready, kept, main_channel, ras, read

LITRES = (0.3, 2.5)
"""Brains of newborns to the largest of adults."""

THRESHOLD = 0.5


class Deepbet:
    """The step ``deepbet``: gives a scan a brain mask."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def record(self) -> dict[str, Any]:
        """What decides the result."""
        return {"deepbet": version("deepbet"), "threshold": THRESHOLD}

    def __call__(self, subject: Subject) -> Subject:
        """Return the scan with a mask from its T1w, else from its first channel.

        Raises:
            DataError: What was found is no brain.
        """
        mask = brain_mask(read(subject.images[main_channel(subject)]))
        return dataclasses.replace(subject, mask=Ready(mask))


def brain_mask(volume: Volume) -> Volume:
    """Return the mask of the brain, 1 inside, axes in RAS+ order; computed once a scan.

    Raises:
        DataError: What was found is no brain.
    """
    scan = ras(volume)
    name = f"deepbet {version('deepbet')} {THRESHOLD}"
    packed = kept(name, [scan], lambda: np.packbits(_computed(scan)))
    inside = np.unpackbits(packed, count=scan.data.size).reshape(scan.data.shape)
    litres = inside.sum() * abs(np.linalg.det(scan.affine[:3, :3])) / 1e6
    if not LITRES[0] < litres < LITRES[1]:
        raise DataError(
            f"it shows {litres:.2f} litres of brain to deepbet; expected {LITRES[0]} to "
            f"{LITRES[1]}."
        )
    return Volume(inside, scan.affine)


def _computed(scan: Volume) -> NDArray[np.bool_]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the same mask on any machine; workers share the cores
    try:
        network = _networks()
        found = network.run_model(np.ascontiguousarray(scan.data, np.float32))
        mask: NDArray[np.bool_] = network.postprocess(found > THRESHOLD)
    except (AssertionError, ValueError) as error:  # "not enough foreground"; nothing but background
        raise DataError("it shows no brain to deepbet.") from error
    finally:
        torch.set_num_threads(threads)
    return mask


@functools.cache
def _networks() -> Any:
    from deepbet import BrainExtraction

    with warnings.catch_warnings():
        # torch says that TorchScript is to be replaced, which is for deepbet to do.
        warnings.simplefilter("ignore", DeprecationWarning)
        return BrainExtraction(no_gpu=True)
