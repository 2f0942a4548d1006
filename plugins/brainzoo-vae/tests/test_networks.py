import numpy as np
import pytest
import torch
from torch import nn

from brainzoo.common.errors import OptionError
from brainzoo_vae.config import VAEConfig, halvings
from brainzoo_vae.networks import Networks


@pytest.mark.parametrize("spatial", [(32, 32), (48, 64), (16, 16, 24)])
@pytest.mark.parametrize("variance", ["scalar", "pixelwise"])
@pytest.mark.parametrize("variant", ["vae", "compact"])
def test_latents_and_images_have_the_right_shapes(spatial, variance, variant):
    config = VAEConfig(base_channels=4, latent=6, variance=variance, variant=variant)
    networks = Networks(config, spatial, 1, 3)
    pixels, encoded = torch.rand(2, 1, *spatial), torch.rand(2, 3)
    mean, log_std = networks.encoder(pixels, encoded)
    assert mean.shape == log_std.shape == (2, 6)
    made, log_pixel_std = networks.decode(mean, encoded)
    assert made.shape == pixels.shape
    assert made.min() >= 0
    assert made.max() <= 1
    assert log_pixel_std.shape == (pixels.shape if variance == "pixelwise" else ())
    assert np.allclose(log_pixel_std.detach().exp().mean(), 0.1, atol=0.08), "begins near 0.1"


def test_compact_has_no_residual_blocks_and_fewer_weights():
    sizes = {}
    for variant in ("vae", "cevae", "compact"):
        networks = Networks(VAEConfig(variant=variant), (64, 64), 1, 0)
        sizes[variant] = sum(p.numel() for p in networks.parameters())
    assert sizes["compact"] < 0.7 * sizes["vae"]
    assert sizes["vae"] == sizes["cevae"]


def test_an_image_s_latent_does_not_depend_on_the_others():
    torch.manual_seed(0)
    networks = Networks(VAEConfig(base_channels=4, latent=6), (32, 32), 1, 0)
    pixels, encoded = torch.rand(4, 1, 32, 32), torch.zeros(4, 0)
    alone = networks.encoder(pixels[:1], encoded[:1])[0]
    assert torch.allclose(networks.encoder(pixels, encoded)[0][:1], alone, atol=1e-5)
    assert not [m for m in networks.modules() if isinstance(m, nn.BatchNorm2d)]


@pytest.mark.parametrize(
    ("spatial", "times"), [((64, 64), 4), ((8, 8), 1), ((96, 112), 4), ((32, 32, 32), 3)]
)
def test_halves_until_four_to_seven_pixels_are_left(spatial, times):
    assert halvings(spatial) == times
    VAEConfig().check_spatial(spatial)
    assert 4 <= min(spatial) // 2**times < 8


@pytest.mark.parametrize(
    ("spatial", "hint"), [((50, 50), "multiples of 8"), ((6, 6), "--size 8"), ((60, 60, 45), "8")]
)
def test_sizes_that_cannot_be_halved(spatial, hint):
    with pytest.raises(OptionError, match=hint):
        VAEConfig().check_spatial(spatial)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": ("spectrum",)}, "'spectrum' is not one of spectral, perceptual"),
        ({"features_weights": "weights"}, "nothing uses them. Add --loss perceptual"),
    ],
)
def test_options_that_make_no_sense(options, message):
    from brainzoo.plugin.options import make_config

    with pytest.raises(OptionError, match=message):
        make_config(VAEConfig, options)
