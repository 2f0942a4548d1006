"""What the generator's contract samples, tampers with and interrupts."""

from __future__ import annotations

import inspect
import random
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.data.images import Images
from brainzoo.plugin.interfaces import Generator


def samples(
    generator: Generator,
    n: int,
    *,
    seed: int = 5,
    start: int = 0,
    condition: Mapping[str, Any] | None = None,
    batch_size: int = 8,
) -> NDArray[np.float32]:
    """Return all samples as one array ``(n, channel, *spatial)``.

    Of a generator whose ``sample`` takes no ``start``, the first ones are left out.
    """
    arguments: dict[str, Any] = {"seed": seed, "condition": condition, "batch_size": batch_size}
    missing = [name for name in arguments if not takes(generator.sample, name)]
    assert not missing, f"sample takes no {', '.join(missing)}; see brainzoo.Generator.sample"
    starts = takes(generator.sample, "start")
    arguments |= {"start": start} if starts else {}
    skipped = 0 if starts else start
    drawn: Iterator[NDArray[np.float32]] = generator.sample(n + skipped, **arguments)
    return np.concatenate(list(drawn))[skipped:]


def takes(method: Callable[..., Any], name: str) -> bool:
    """Return whether a method has an argument of this name."""
    parameters = inspect.signature(method).parameters
    return name in parameters or any(p.kind == p.VAR_KEYWORD for p in parameters.values())


def global_random_state() -> tuple[object, ...]:
    """Return the states of Python's, numpy's and torch's shared random generators."""
    drawn = np.random.get_state(legacy=False)["state"]  # noqa: NPY002
    numpy_state = (drawn["key"].tobytes(), drawn["pos"])
    torch = sys.modules.get("torch")
    torch_state = bytes(torch.get_rng_state().numpy()) if torch else b""
    return random.getstate(), numpy_state, torch_state


def pressing_ctrl_c(images: Images, reads: int) -> Images:
    """Return the same images, but someone presses Ctrl-C when they are read the n-th time."""

    class Pressing(np.ndarray[Any, Any]):
        left = reads

        def __getitem__(self, key: Any) -> Any:
            Pressing.left -= 1
            if Pressing.left == 0:
                signal.raise_signal(signal.SIGINT)
            return np.asarray(self)[key]

    return Images(images.read().view(Pressing), images.table, images.info)
