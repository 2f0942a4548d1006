"""DCGAN against a textbook PyTorch loop: python tests/benchmarks/dcgan.py [--sizes 64,128]

Both train the same networks on the same made-up heads with the same losses and learning rate. The
textbook loop is what a tutorial shows: float32, a DataLoader, plain Adam, the discriminator's
gradients computed in the generator's step too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from contest import Contest, Way, main
from torch import nn
from training import Ours, Plain, drawing, heads

from brainzoo_dcgan import networks
from brainzoo_dcgan.config import DCGANConfig
from brainzoo_dcgan.generator import DCGAN

DEFAULTS = {"sizes": "64,128", "maps": 128, "batch_size": 16}


class Textbook:
    """The loop of PyTorch's DCGAN tutorial."""

    def __init__(self, spatial: tuple[int, ...], batch_size: int, maps: int) -> None:
        self.generator = networks.Generator((1, *spatial), 100, maps, 0)
        self.discriminator = networks.Discriminator((1, *spatial), maps, 0)
        both = (self.generator, self.discriminator)
        self.adam_g, self.adam_d = (
            torch.optim.Adam(n.parameters(), 2e-4, betas=(0.5, 0.999)) for n in both
        )
        self.loss = nn.BCEWithLogitsLoss()
        self.no_condition = torch.zeros(batch_size, 0)

    def step(self, real: torch.Tensor) -> None:
        """Update both networks."""
        count, judge = len(real), self.discriminator
        self.adam_d.zero_grad()
        self.loss(judge(real, self.no_condition), torch.ones(count)).backward()
        fake = self.generator(torch.rand(count, 100) * 2 - 1, self.no_condition)
        self.loss(judge(fake.detach(), self.no_condition), torch.zeros(count)).backward()
        self.adam_d.step()
        self.adam_g.zero_grad()
        self.loss(judge(fake, self.no_condition), torch.ones(count)).backward()
        self.adam_g.step()

    def draw(self) -> torch.Tensor:
        """Return 64 images."""
        self.generator.eval()
        made = self.generator(torch.rand(64, 100) * 2 - 1, torch.zeros(64, 0))
        self.generator.train()
        return made


def contests(given: Any) -> Iterator[Contest]:
    """Yield training and sampling at each size."""
    for size in map(int, given.sizes.split(",")):
        images = heads((size, size))
        what = f"DCGAN, {size} × {size}, {given.maps} maps, batch {given.batch_size}"
        torch.manual_seed(0)
        plain = Textbook((size, size), given.batch_size, given.maps)

        def make() -> DCGAN:
            return DCGAN(DCGANConfig(base_channels=given.maps))

        ours = Ours(make, images, given.batch_size)
        yield Contest(
            f"training {what}",
            "images/s",
            [
                Way("brainzoo", ours),
                Way("brainzoo, fp32", Ours(make, images, given.batch_size, precision="fp32")),
                Way("textbook loop", Plain(images, given.batch_size, plain.step, -1.0)),
            ],
        )
        yield Contest(
            f"sampling {what.rpartition(',')[0]}",
            "images/s",
            [Way("brainzoo", ours.sample(64)), Way("textbook network", drawing(plain.draw, 64))],
        )


if __name__ == "__main__":
    main(contests, __doc__, **DEFAULTS)
