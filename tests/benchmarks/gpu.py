"""Every generator on a graphics card: python tests/benchmarks/gpu.py

    python tests/benchmarks/gpu.py                       # about twelve minutes on one card
    python tests/benchmarks/gpu.py --device cpu --sizes 32 --volumes 32 --seconds 0.1   # in small

Prints, at 128 × 128 and 96 × 96 × 96 in bf16: images/s of training and share of the card's peak (a
product of large bf16 matrices), the most memory of the card, images/s of sampling (float32, TF32
off) as it is, with torch.compile, and with torch.compile and CUDA graphs, and by how much compiled
images differ. Then what a distributed training with one process and NCCL makes. What fails is a
line of its own and stops nothing.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contest import for_seconds, parser, say
from peak import GROWN, Arithmetic, peak, wait
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from training import heads

from brainzoo.plugin.manager import plugins
from brainzoo.plugin.run import TrainConfig
from brainzoo.runs.plan import Rehearsal
from brainzoo.training.devices import compute

GENERATORS = "dcgan,pggan,vae,vqvae,flow"
MODES: Mapping[str, Mapping[str, Any] | None] = {
    "as it is": None,
    "compiled": {},
    "compiled, CUDA graphs": {"mode": "reduce-overhead"},
}
DEFAULTS = {
    "device": "auto",
    "sizes": "128",
    "volumes": "96",
    "batch_size": 16,
    "generators": GENERATORS,
}


def main() -> None:
    given = parser(__doc__ or "", **DEFAULTS).parse_args()
    device = compute(given.device).device
    card = torch.cuda.get_device_name() if device.type == "cuda" else "a CPU"
    most = peak(device, given.seconds)
    print(f"{card}, torch {torch.__version__}: bf16 matrices {most / 1e12:.3g} TFLOP/s\n")
    print(
        f"| bf16, batch {given.batch_size} (volumes: 2) | training, images/s | share of the peak ",
        end="",
    )
    print(f"| memory, GB | {' | '.join(f'sampling, {mode}' for mode in MODES)} |")
    print("|---|---|---|---|" + "---|" * len(MODES), flush=True)
    shapes = [(int(s),) * 2 for s in given.sizes.split(",") if s]
    shapes += [(int(s),) * 3 for s in given.volumes.split(",") if s]
    for shape in shapes:
        for name in given.generators.split(","):
            title = f"{name} {' × '.join(map(str, shape))}"
            say(title)
            try:
                cells = row(name, shape, device, given, most)
            except Exception as error:
                cells = [f"{type(error).__name__}: {str(error).splitlines()[0][:90]}"]
            print(f"| {title} | {' | '.join(cells)} |", flush=True)
    print(f"\n{alone(given.device, given.seconds)}")


def row(
    name: str, shape: tuple[int, ...], device: torch.device, given: Any, most: float
) -> list[str]:
    """Train and sample one generator; return the cells of its row."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    batch = given.batch_size if len(shape) == 2 else 2
    train = TrainConfig(
        images=10**6, batch_size=batch, device=given.device, precision="bf16", grids=0
    )
    images = heads(shape)
    with Arithmetic() as counted:
        done = max(trained(name, images, train, given.seconds)[1].ends)
    generator, run = trained(name, images, train, given.seconds)
    rate = run.speed["images_per_second"]
    memory = torch.cuda.max_memory_allocated() / 1e9 if device.type == "cuda" else float("nan")
    cells = [f"{rate:,.4g}", f"{rate * counted.total / done / most:.1%}", f"{memory:.2f}"]
    with tempfile.TemporaryDirectory() as folder:
        generator.save(Path(folder) / "checkpoint")
        generator = (
            plugins().load("generator", name).load(Path(folder) / "checkpoint").to(given.device)
        )
        return cells + [sampled(generator, mode, shape, device, given.seconds) for mode in MODES]


def trained(name: str, images: Any, train: TrainConfig, seconds: float) -> tuple[Any, Rehearsal]:
    """Return a generator after a few steps at full size, and when each ended."""
    spec = plugins().get("generator", name)
    generator = spec.load()(spec.config())
    with tempfile.TemporaryDirectory() as folder:
        run = Rehearsal(Path(folder), train, at=GROWN, seconds=seconds)
        generator.fit(images, run)
    return generator, run


FIRST: dict[int, np.ndarray] = {}
"""The first images of a generator as it is, by its identity."""


def sampled(
    generator: Any, mode: str, shape: tuple[int, ...], device: torch.device, seconds: float
) -> str:
    """Return images/s in one mode, and the greatest difference to the images as they are."""
    count = 64 if len(shape) == 2 else 8

    def draw() -> int:
        made = sum(len(part) for part in generator.sample(count, seed=0, batch_size=count))
        wait(device)
        return made

    plain: list[tuple[Any, Callable[..., Any]]] = [(m, m.forward) for m in called(generator)]
    try:
        if MODES[mode] is not None:
            for module, forward in plain:
                module.forward = torch.compile(forward, **MODES[mode])
        first = np.concatenate(list(generator.sample(8, seed=0, batch_size=8)))
        rate = for_seconds(draw, seconds)
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0][:60]}"
    finally:
        for module, forward in plain:
            module.forward = forward
        torch._dynamo.reset()
    apart = float(np.abs(first - FIRST.setdefault(id(generator), first)).max())
    return f"{rate:,.4g}" + ("" if MODES[mode] is None else f", ± {apart:.1g}")


def called(generator: Any) -> list[torch.nn.Module]:
    """Return the modules that drawing calls, without those that they call themselves."""
    found: list[torch.nn.Module] = []
    inside: list[torch.nn.Module] = []

    def enters(module: torch.nn.Module, *_: Any) -> None:
        if not inside and not any(module is other for other in found):
            found.append(module)
        inside.append(module)

    def leaves(*_: Any) -> None:
        inside.pop()

    hooks = [
        register_module_forward_pre_hook(enters),
        register_module_forward_hook(leaves, always_call=True),
    ]
    try:
        next(generator.sample(1, seed=0))
    finally:
        for hook in hooks:
            hook.remove()
    return found


def alone(device: str, seconds: float) -> str:
    """Return what a distributed training with one process says: NCCL on a card, else Gloo."""
    import subprocess

    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        words = ["train", "dcgan", "--data", "atlas", "--data.subjects", "12", "--size", "32"]
        words += ["--images", "64", "--grids", "0", "--device", device, "--out", str(run)]
        launcher = [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node=1",
        ]
        done = subprocess.run(
            [*launcher, "-m", "brainzoo", *words],
            capture_output=True,
            text=True,
            env={**os.environ, "BRAINZOO_HOME": folder, "NCCL_DEBUG": "VERSION"},
            check=False,
        )
        made = (run / "checkpoint").is_dir()
    version = next((line for line in done.stdout.splitlines() if "NCCL version" in line), "no NCCL")
    outcome = "trained" if made else (done.stderr.strip().splitlines() or ["nothing said"])[-1]
    return f"One process under torchrun: {outcome} ({version.strip()[-40:]})."


if __name__ == "__main__":
    main()
