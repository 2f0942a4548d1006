"""Sampling by how many images are computed at once: python tests/benchmarks/chunks.py

Small images in small numbers cost more calls than arithmetic; many large ones leave the processor's
cache. A generator's ``pixels_at_once`` was chosen by these tables; the first row is its own choice.
Networks are untrained: speed does not depend on what they know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from contest import Contest, Way, for_seconds, main
from training import Ours, heads

from brainzoo_dcgan.config import DCGANConfig
from brainzoo_dcgan.generator import DCGAN
from brainzoo_flow.config import FlowConfig
from brainzoo_flow.generator import Flow
from brainzoo_vae.config import VAEConfig
from brainzoo_vae.generator import VAE

DEFAULTS = {"sizes": "64,128", "numbers": "8,16,32,64"}
MODELS: dict[str, Callable[[], Any]] = {
    "DCGAN": lambda: DCGAN(DCGANConfig()),
    "VAE": lambda: VAE(VAEConfig()),
    "flow": lambda: Flow(FlowConfig()),
    "flow, --fast": lambda: Flow(FlowConfig(fast=True)),
}


def contests(given: Any) -> Iterator[Contest]:
    """Yield one for each model and size."""
    numbers = [int(number) for number in given.numbers.split(",")]
    for size in map(int, given.sizes.split(",")):
        images = heads((size, size))
        for name, make in MODELS.items():
            trained = Ours(make, images, 16)
            trained(0)
            generator = trained.generator
            own = generator.sample_chunk
            order = sorted(numbers, key=lambda number: number != own)
            notes = {own: "what brainzoo does"}
            ways = [
                Way(f"{number} at once", _drawing(generator, number), notes.get(number, ""))
                for number in order
            ]
            yield Contest(f"sampling {name}, {size} × {size}", "images/s", ways)


def _drawing(generator: Any, number: int) -> Callable[[float], float]:
    def draw() -> int:
        generator.samples(generator.ready(), 0, 0, number)
        return number

    return lambda seconds: for_seconds(draw, seconds, 1)


if __name__ == "__main__":
    main(contests, __doc__, **DEFAULTS)
