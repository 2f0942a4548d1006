"""VAE against peers from PyPI: python tests/benchmarks/vae.py [--sizes 64,128] [--batch-size 16]

MONAI's VarAutoEncoder has the same widths, and residual units of two convolutions as ours; its
AutoencoderKL, which keeps a latent image instead of a vector, has three levels of the same widths;
pythae gets our networks, as it asks its users for networks of their own. All minimise squared error
and divergence in float32 with Adam.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from contest import Contest, Way, main
from peers import peer, there
from torch import nn
from torch.nn.functional import l1_loss, mse_loss
from training import Ours, Plain, arithmetic, descend, drawing, heads, millions

from brainzoo_vae.config import VAEConfig, halvings
from brainzoo_vae.generator import VAE
from brainzoo_vae.networks import Networks, widths_of

DEFAULTS = {"sizes": "64,128", "batch_size": 16}
LATENT = 128


class Textbook(nn.Module):
    """Our networks, and the loss that books show."""

    def __init__(self, config: VAEConfig, spatial: tuple[int, ...]) -> None:
        super().__init__()
        self.networks = Networks(config, spatial, 1, 0)

    def loss(self, real: torch.Tensor) -> torch.Tensor:
        """Return squared error and divergence."""
        nothing = torch.zeros(len(real), 0)
        mean, log_std = self.networks.encoder(real, nothing)
        made, _ = self.networks.decode(mean + log_std.exp() * torch.randn_like(mean), nothing)
        return mse_loss(made, real, reduction="sum") + divergence(mean, 2 * log_std)

    def draw(self) -> torch.Tensor:
        """Return 64 images."""
        return self.networks.decode(torch.randn(64, LATENT), torch.zeros(64, 0))[0]


def divergence(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Return the divergence from N(0, I), summed."""
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()


def contests(given: Any) -> Iterator[Contest]:
    """Yield training and sampling at each size."""
    for size in map(int, given.sizes.split(",")):
        yield from _of((size, size), given.batch_size)


def _of(spatial: tuple[int, int], batch: int) -> Iterator[Contest]:
    images = heads(spatial)
    config = VAEConfig(latent=LATENT, covariates=())
    widths = widths_of(config, spatial)
    torch.manual_seed(0)
    plain = Textbook(config, spatial)
    ours = Ours(lambda: VAE(config), images, batch)
    ways = [
        Way("brainzoo", ours, millions(plain)),
        Way("brainzoo, fp32", Ours(lambda: VAE(config), images, batch, precision="fp32")),
        Way("textbook loop", Plain(images, batch, descend(plain, plain.loss)), "the same networks"),
    ]
    sampling = [
        Way("brainzoo", ours.sample(64), arithmetic(plain.draw, 64)),
        Way("textbook network", drawing(plain.draw, 64)),
    ]
    for found in (_monai, _monai_kl, _pythae):
        more = found(config, spatial, batch, images, widths)
        if more:
            ways.append(more[0])
            sampling += more[1:]
    what = f"VAE, {spatial[0]} × {spatial[1]}"
    yield Contest(f"training {what}, batch {batch}", "images/s", ways)
    yield Contest(f"sampling {what}", "images/s", sampling)


def _monai(config: Any, spatial: Any, batch: int, images: Any, widths: Any) -> list[Way]:
    if not there("monai"):
        return []
    network = peer("monai.networks.nets").VarAutoEncoder(
        spatial_dims=2,
        in_shape=(1, *spatial),
        out_channels=1,
        latent_size=LATENT,
        channels=widths,
        strides=(2,) * halvings(spatial),
        num_res_units=2,
    )

    def loss(real: torch.Tensor) -> torch.Tensor:
        made, mean, log_variance, _ = network(real)
        return mse_loss(made, real, reduction="sum") + divergence(mean, log_variance)

    def draw() -> torch.Tensor:
        made: torch.Tensor = network.decode_forward(torch.randn(64, LATENT))
        return made

    return [
        Way(
            "MONAI VarAutoEncoder", Plain(images, batch, descend(network, loss)), millions(network)
        ),
        Way("MONAI VarAutoEncoder", drawing(draw, 64), arithmetic(draw, 64)),
    ]


def _monai_kl(config: Any, spatial: Any, batch: int, images: Any, widths: Any) -> list[Way]:
    if not there("monai"):
        return []
    network = peer("monai.networks.nets").AutoencoderKL(
        spatial_dims=2,
        channels=tuple(widths[:3]),
        num_res_blocks=1,
        attention_levels=(False,) * 3,
        with_encoder_nonlocal_attn=False,
        with_decoder_nonlocal_attn=False,
    )

    def loss(real: torch.Tensor) -> torch.Tensor:
        made, mean, std = network(real)
        return l1_loss(made, real) + 1e-6 * divergence(mean, 2 * std.log()) / len(real)

    side = spatial[0] // 4
    note = f"{millions(network)}; latent 3 × {side} × {side}"
    return [
        Way("MONAI AutoencoderKL", Plain(images, batch, descend(network, loss)), note),
        Way(
            "MONAI AutoencoderKL",
            drawing(lambda: network.decode(torch.randn(8, 3, side, side)), 8),
            "its decoder alone",
        ),
    ]


def _pythae(config: Any, spatial: Any, batch: int, images: Any, widths: Any) -> list[Way]:
    if not there("pythae"):
        return []
    base, models = peer("pythae.models.nn"), peer("pythae.models")
    output = peer("pythae.models.base.base_utils").ModelOutput
    own = Networks(config, spatial, 1, 0)

    class Encoder(base.BaseEncoder):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = own.encoder

        def forward(self, pixels: torch.Tensor) -> Any:
            mean, log_std = self.network(pixels, torch.zeros(len(pixels), 0))
            return output(embedding=mean, log_covariance=2 * log_std)

    class Decoder(base.BaseDecoder):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = own.decoder

        def forward(self, latent: torch.Tensor) -> Any:
            return output(reconstruction=self.network(latent, torch.zeros(len(latent), 0))[0])

    settings = models.VAEConfig(input_dim=(1, *spatial), latent_dim=LATENT)
    network = models.VAE(settings, Encoder(), Decoder())
    sampler = peer("pythae.samplers").NormalSampler(network)
    return [
        Way(
            "pythae VAE",
            Plain(images, batch, descend(network, lambda real: network({"data": real}).loss)),
            "with our networks",
        ),
        Way("pythae NormalSampler", drawing(lambda: sampler.sample(64, batch_size=64), 64)),
    ]


if __name__ == "__main__":
    main(contests, __doc__, **DEFAULTS)
