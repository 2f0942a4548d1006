"""VQ-VAE against MONAI's and pythae's: python tests/benchmarks/vqvae.py [--size 128] [--volume 32]

The same levels, maps, residual layers and codes for brainzoo, MONAI and a textbook loop over our
own networks; pythae gets our convolutions and brings its quantiser, as it asks its users for
networks of their own. Sampling draws codes with a transformer and decodes them: of the same width
and layers as MONAI's, which computes all codes so far again for each new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from contest import Contest, Way, main
from peers import peer, there
from torch import nn
from torch.nn.functional import l1_loss
from training import Ours, Plain, descend, drawing, heads, millions

from brainzoo.data.images import Images
from brainzoo_vqvae.config import VQVAEConfig
from brainzoo_vqvae.generator import VQVAE
from brainzoo_vqvae.networks import Autoencoder

DEFAULTS = {
    "size": 128,
    "batch_size": 16,
    "widths": "96,96,192",
    "volume": 32,
    "volume_batch": 2,
    "volume_widths": "32,64,128",
    "sampled": 64,
}
OPTIONS: dict[str, Any] = {"residual_layers": 3, "codes": 256, "code_length": 32}
PRIOR: dict[str, Any] = {"prior_width": 192, "prior_layers": 6}
DRAWN = 8
"""Images that are sampled at once."""


class Textbook(nn.Module):
    """Our networks with the loss that books show."""

    def __init__(self, spatial: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        options = {"widths": widths, "cosine": False, "code_decay": 0.95, **OPTIONS}
        self.network = Autoencoder(spatial, 1, **options)

    def loss(self, real: torch.Tensor) -> torch.Tensor:
        """Return absolute error and commitment; move the codes."""
        made, latents, quantised = self.network(real)
        self.network.quantiser.update(latents.detach(), quantised.codes)
        return l1_loss(made, real) + 0.25 * quantised.commitment


def contests(given: Any) -> Iterator[Contest]:
    """Yield training in 2-D and 3-D, and sampling."""
    for size, batch, text, dims in (
        (given.size, given.batch_size, given.widths, 2),
        (given.volume, given.volume_batch, given.volume_widths, 3),
    ):
        spatial, widths = (size,) * dims, tuple(map(int, text.split(",")))
        yield _training(spatial, widths, batch, heads(spatial))
    side = (given.sampled, given.sampled)
    yield _sampling(side, tuple(map(int, given.volume_widths.split(","))), heads(side))


def _training(
    spatial: tuple[int, ...], widths: tuple[int, ...], batch: int, images: Images
) -> Contest:
    # The pictures are of the autoencoder: the small prior's turn never comes.
    config = VQVAEConfig(widths=widths, prior_share=0.01, prior_width=32, prior_layers=1, **OPTIONS)
    torch.manual_seed(0)
    plain = Textbook(spatial, widths)
    ways = [
        Way("brainzoo", Ours(lambda: VQVAE(config), images, batch), millions(plain)),
        Way("brainzoo, fp32", Ours(lambda: VQVAE(config), images, batch, precision="fp32")),
        Way("textbook loop", Plain(images, batch, descend(plain, plain.loss), -1.0)),
    ]
    if there("monai"):
        network = _monai(spatial, widths)

        def loss(real: torch.Tensor) -> torch.Tensor:
            made, commitment = network(real)
            return l1_loss(made, real) + commitment

        way = Plain(images, batch, descend(network, loss))
        ways.append(Way("MONAI VQVAE", way, millions(network)))
    if there("pythae") and len(spatial) == 2:
        other = _pythae(spatial, widths)
        way = Plain(images, batch, descend(other, lambda real: other({"data": real}).loss))
        ways.append(Way("pythae VQVAE", way, "with our convolutions"))
    shape = " × ".join(map(str, spatial))
    title = f"training VQ-VAE, {shape}, widths {'-'.join(map(str, widths))}, batch {batch}"
    return Contest(title, "images/s", ways, pairs=[("brainzoo, fp32", "textbook loop")])


def _sampling(spatial: tuple[int, ...], widths: tuple[int, ...], images: Images) -> Contest:
    config = VQVAEConfig(widths=widths, covariates=(), **OPTIONS, **PRIOR)
    ours = Ours(lambda: VQVAE(config), images, 8)
    ours(0.0)
    codes = (spatial[0] // 2 ** len(widths)) ** 2
    ways = [Way("brainzoo", ours.sample(DRAWN))]
    if there("monai"):
        ways.append(Way("MONAI VQVAE, transformer", _monai_sampling(spatial, widths)))
    shape = " × ".join(map(str, spatial))
    return Contest(f"sampling VQ-VAE, {shape}, {codes} codes", "images/s", ways)


def _monai(spatial: tuple[int, ...], widths: tuple[int, ...]) -> Any:
    levels = len(widths)
    return peer("monai.networks.nets").VQVAE(
        spatial_dims=len(spatial),
        in_channels=1,
        out_channels=1,
        channels=widths,
        num_res_layers=OPTIONS["residual_layers"],
        num_res_channels=widths,
        downsample_parameters=((2, 4, 1, 1),) * levels,
        upsample_parameters=((2, 4, 1, 1, 0),) * levels,
        num_embeddings=OPTIONS["codes"],
        embedding_dim=OPTIONS["code_length"],
    )


def _monai_sampling(spatial: tuple[int, ...], widths: tuple[int, ...]) -> Any:
    side = spatial[0] // 2 ** len(widths)
    network = _monai(spatial, widths).eval()
    transformer = (
        peer("monai.networks.nets")
        .DecoderOnlyTransformer(
            num_tokens=OPTIONS["codes"] + 1,
            max_seq_len=side**2,
            attn_layers_dim=PRIOR["prior_width"],
            attn_layers_depth=PRIOR["prior_layers"],
            attn_layers_heads=PRIOR["prior_width"] // 32,
            use_flash_attention=True,
        )
        .eval()
    )
    ordering = peer("monai.utils.ordering").Ordering("raster_scan", 2, (1, side, side))
    infer = peer("monai.inferers").VQVAETransformerInferer()
    start = torch.full((DRAWN, 1), OPTIONS["codes"])
    return drawing(
        lambda: infer.sample((side, side), start, network, transformer, ordering, verbose=False),
        DRAWN,
    )


def _pythae(spatial: tuple[int, ...], widths: tuple[int, ...]) -> Any:
    base, models = peer("pythae.models.nn"), peer("pythae.models")
    output = peer("pythae.models.base.base_utils").ModelOutput
    own = Textbook(spatial, widths).network

    class Encoder(base.BaseEncoder):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.levels, self.to_code = own.encoder, own.to_code

        def forward(self, features: torch.Tensor) -> Any:
            for level in self.levels:
                features = level(features)
            return output(embedding=self.to_code(features))

    class Decoder(base.BaseDecoder):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.levels, self.from_code = own.decoder, own.from_code

        def forward(self, latents: torch.Tensor) -> Any:
            features = self.from_code(latents)
            for level in self.levels:
                features = level(features)
            return output(reconstruction=features)

    side = spatial[0] // 2 ** len(widths)
    settings = models.VQVAEConfig(
        input_dim=(1, *spatial),
        latent_dim=OPTIONS["code_length"] * side**2,
        num_embeddings=OPTIONS["codes"],
        use_ema=True,
        decay=0.95,
    )
    return models.VQVAE(settings, Encoder(), Decoder())


if __name__ == "__main__":
    main(contests, __doc__, **DEFAULTS)
