"""Several processes that train one model: what they agree on, average and share.

All hold the same networks; each computes the gradients of its share of every batch. Plain averaging
after the backward pass instead of DistributedDataParallel: a GAN runs its discriminator several
times a step and penalties differentiate twice, which DDP's hooks forbid.
"""

from __future__ import annotations

import atexit
import datetime
import json
import re
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.distributed as distributed
from accelerate import Accelerator, InitProcessGroupKwargs
from accelerate.utils import broadcast
from torch import nn

from brainzoo.common import launch
from brainzoo.common.errors import DataError, OptionError, StoppedError
from brainzoo.training.devices import Compute
from brainzoo.training.feed import Feed

PATIENCE = datetime.timedelta(minutes=60)
"""The others wait as long for the first process, which alone makes sample grids and saves."""
MOST_BYTES = 2**28  # of one message


class Processes:
    """This process's link to the others that train the same model; idle if there are none.

    ``main`` is the first, which writes and reports. An unknown launcher is an OptionError.
    """

    def __init__(self, machine: Compute) -> None:
        cpu = machine.device.type == "cpu"
        waiting = InitProcessGroupKwargs(timeout=PATIENCE)
        self._accelerator = Accelerator(cpu=cpu, kwargs_handlers=[waiting])
        self.count = self._accelerator.num_processes
        self.index = self._accelerator.process_index
        self.main = self._accelerator.is_main_process
        if self.count == 1:
            return
        if (self.count, self.index) != (launch.processes(), launch.index()):
            raise OptionError(
                f"{self.count} processes were started, but not by torchrun or accelerate launch.",
                "Start them with one of these; see docs/scaling.md.",
            )
        # A process that ends with its group alive may abort ("terminate called without an active
        # exception"), and the launcher then ends the others before they are done.
        atexit.register(self._accelerator.end_training)

    def agree(self, progress: float, stop: bool) -> tuple[float, bool]:
        """Return the first process's progress for all, and whether any of them must stop."""
        if self.count == 1:
            return progress, stop
        shared = [progress if self.main else 0.0, float(stop)]
        summed = self._sum(torch.tensor(shared, dtype=torch.float64))
        return float(summed[0]), bool(summed[1])

    def average_gradients(self, network: nn.Module) -> None:
        """Average the gradients of a network over the processes, in one message."""
        if self.count == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        flat = self._accelerator.reduce(flat, reduction="mean")
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def mean(self, figures: Mapping[str, float]) -> dict[str, float]:
        """Average figures over the processes that have them; the first one's names count."""
        if self.count == 1:
            return dict(figures)
        names = json.loads(self.from_first(json.dumps(list(figures)).encode()))
        own = [[figures.get(name, 0.0), float(name in figures)] for name in names]
        summed = self._sum(torch.tensor(own, dtype=torch.float64).reshape(-1, 2))
        return dict(zip(names, (summed[:, 0] / summed[:, 1]).tolist(), strict=True))

    def expect_same_data(self, feed: Feed) -> None:
        """Refuse to train one model on other images than the first process has."""
        if self.count > 1 and self.from_first(feed.digest()) != feed.digest():
            raise DataError(
                f"process {self.index} of {self.count} has other images than the first one.",
                "Give all machines the same scans and options, or a BRAINZOO_HOME that they share.",
            )

    @contextmanager
    def losses_told(self, resume: str) -> Iterator[None]:
        """Turn the loss of another process within the block into one clear line."""
        try:
            yield
        except RuntimeError as error:
            # Whether a message between processes failed, and not what they computed.
            words = re.search("gloo|nccl|connection|processgroup", str(error).lower())
            if self.count == 1 or not (words or isinstance(error, distributed.DistError)):
                raise
            if threading.current_thread() is threading.main_thread():
                # The launcher's SIGTERM follows a loss at once, before everything is reported.
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            raise StoppedError(
                f"one of the {self.count} processes ended before the others (killed, out of "
                "memory, or its machine stopped), so all stop; the launcher says which one.",
                f"Go on with: {resume}",
            ) from error

    def _sum(self, values: torch.Tensor) -> torch.Tensor:
        summed: torch.Tensor = self._accelerator.reduce(values.to(self._accelerator.device))
        return summed.cpu()

    def from_first(self, content: bytes) -> bytes:
        """Return what the first process passes; that of the others counts for nothing."""
        if self.count == 1:
            return content
        device = self._accelerator.device
        length = int(broadcast(torch.tensor(len(content), device=device)))
        received = bytearray(length)
        for start in range(0, length, MOST_BYTES):
            end = min(length, start + MOST_BYTES)
            part = torch.empty(end - start, dtype=torch.uint8)
            if self.main:
                part = torch.frombuffer(bytearray(content[start:end]), dtype=torch.uint8)
            received[start:end] = broadcast(part.to(device)).cpu().numpy().tobytes()
        return bytes(received)
