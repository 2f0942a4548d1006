"""Training of PGGAN as a share of what the device can do: python tests/benchmarks/peak.py

Tells images a second, and the arithmetic of whole training steps (feed, augmentation, both
networks, penalties, Adam, averaged weights) over that of one large product of bf16 matrices: the
peak that the device reaches, not the one that its maker tells. The preset is ``default`` but for
size and batch, knows no conditions, and has grown. Works on CPUs and GPUs (--device cuda).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from contest import for_seconds, parser, say
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from training import heads

from brainzoo.plugin.run import TrainConfig
from brainzoo.runs.plan import Rehearsal
from brainzoo.training.devices import compute
from brainzoo_pggan.config import PGGANConfig
from brainzoo_pggan.generator import ProgressiveGAN

DEFAULTS = {"device": "auto", "sizes": "64,128", "batch_sizes": "8,16"}
GROWN = 0.999  # of the budget
PRESET = {
    name: value
    for name, value in PGGANConfig.presets["default"].items()
    if name in PGGANConfig.__dataclass_fields__
}


class Arithmetic(TorchDispatchMode):
    """Counts by torch's own formulas; ``FlopCounterMode`` forbids penalties on gradients."""

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if formula := flop_registry.get(func._overloadpacket):
            self.total += formula(*args, **(kwargs or {}), out_val=made)
        return made


def peak(device: torch.device, seconds: float) -> float:
    """Return the operations a second of one product of square bf16 matrices."""
    side = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(side, side, device=device).bfloat16() for _ in range(2))

    def multiply() -> int:
        torch.mm(a, b)
        wait(device)
        return 2 * side**3

    multiply()
    return for_seconds(multiply, seconds)


def trained(size: int, train: TrainConfig, seconds: float) -> tuple[float, float]:
    """Return images a second of training steps at full size, and their operations a second."""
    images = heads((size, size))

    def steps() -> Rehearsal:
        with tempfile.TemporaryDirectory() as folder:
            run = Rehearsal(Path(folder), train, at=GROWN, seconds=seconds)
            ProgressiveGAN(PGGANConfig(**{**PRESET, "covariates": ()})).fit(images, run)
        return run

    with Arithmetic() as counted:
        done = max(steps().ends)
    rate = steps().speed["images_per_second"]
    return rate, rate * counted.total / done


def wait(device: torch.device) -> None:
    """Wait for what the device has been told to do."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    given = parser(__doc__ or "", **DEFAULTS).parse_args()
    device = compute(given.device).device
    cpu = f"{torch.get_num_threads()} threads of the CPU"
    name = torch.cuda.get_device_name() if device.type == "cuda" else cpu
    most = peak(device, given.seconds)
    print(f"{name}, torch {torch.__version__}: bf16 matrices {most / 1e12:.3g} TFLOP/s\n")
    print("| training PGGAN | precision | images/s | TFLOP/s | share of the peak |")
    print("|---|---|---|---|---|")
    for size in map(int, given.sizes.split(",")):
        for batch in map(int, given.batch_sizes.split(",")):
            for precision in ("bf16", "fp32"):
                say(f"{size} × {size}, batch {batch}, {precision}")
                train = TrainConfig(
                    images=10**6,
                    batch_size=batch,
                    device=given.device,
                    precision=precision,
                    grids=0,
                )
                rate, speed = trained(size, train, given.seconds)
                row = f"{size} × {size}, batch {batch} | {precision} | {rate:,.3g}"
                print(f"| {row} | {speed / 1e12:.3g} | {speed / most:.1%} |", flush=True)


if __name__ == "__main__":
    main()
