"""What ``torchrun`` and ``accelerate launch`` tell a process of its place among the others.

The launcher starts the same command several times. The first process owns the run folder; the
others, the helpers, only train. What the processes say to each other besides training goes through
the launcher's store, which outlives any of them.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from brainzoo.common.errors import OptionError

if TYPE_CHECKING:
    from torch.distributed import Store  # type: ignore[attr-defined]

POLL_SECONDS = 0.2


def processes() -> int:
    """Return how many processes train together; 1 without a launcher."""
    return _number("WORLD_SIZE", 1)


def index() -> int:
    """Return which of them this is, from 0."""
    return _number("RANK", 0)


def index_on_machine() -> int | None:
    """Return which of those on this machine this is; ``None`` without a launcher."""
    return _number("LOCAL_RANK", 0) if "LOCAL_RANK" in os.environ else None


def is_helper() -> bool:
    """Return whether this process only helps to train: another one owns the run folder."""
    return index() != 0


def restarted() -> bool:
    """Return whether the launcher started all processes again because one of them was lost."""
    return _number("TORCHELASTIC_RESTART_COUNT", 0) > 0


def expect_shareable(batch_size: int, accumulate: int) -> None:
    """Refuse a batch that is not a multiple of processes times parts, with an OptionError."""
    parts = processes() * accumulate
    if batch_size % parts:
        below = batch_size // parts * parts
        fits = " or ".join(str(size) for size in (below, below + parts) if size)
        raise OptionError(
            f"a batch of {batch_size} images cannot be split into {parts} parts "
            f"({processes()} processes × {accumulate}).",
            f"Choose --batch-size {fits}.",
        )


def first_to_tell() -> bool:
    """Return whether this process is the first of all to report an error, which ends them all."""
    store = _store()
    return store is None or store.add(_key("reported"), 1) == 1


def tell_helpers(train: bool) -> None:
    """Let the helpers go on: the data are prepared, and they are needed for training or not."""
    store = _store()
    if store is not None:
        store.set(_key("train"), "yes" if train else "no")


def wait_for_first() -> bool:
    """Wait until the first process alone has prepared the data; tell whether it will train."""
    store = _store()
    if store is None:
        return True
    while not store.check([_key("train")]):
        time.sleep(POLL_SECONDS)
    return bool(store.get(_key("train")) == b"yes")


def _store() -> Store | None:
    """Return the launcher's store; ``None`` where there is no other process, or no such store."""
    if processes() == 1 or os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return None
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    try:
        store: Store = TCPStore(address, port, is_master=False)
    except RuntimeError:  # the launcher is gone
        return None
    return store


def _key(name: str) -> str:
    return f"brainzoo/{_number('TORCHELASTIC_RESTART_COUNT', 0)}/{name}"


def _number(variable: str, otherwise: int) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.isdigit() else otherwise
