import pytest
import torch

from brainzoo.training import seeded
from brainzoo_vqvae.networks import Autoencoder, spectral_distance


def autoencoder(spatial, widths=(8, 12), **more):
    options = {"residual_layers": 1, "codes": 16, "code_length": 4, "cosine": True}
    with seeded(0):
        made = Autoencoder(spatial, 1, widths=widths, code_decay=0.99, **{**options, **more})
        torch.nn.init.normal_(made.quantiser.sums)
    return made


def there_and_back(network, pixels):
    latents = network.encode(pixels)
    quantised = network.quantiser(latents)
    return network.decode(quantised.latents), latents, quantised


@pytest.mark.parametrize(
    ("spatial", "widths", "latent"),
    [
        ((32, 32), (8, 12), (8, 8)),
        ((64, 48), (4, 4, 4), (8, 6)),
        ((16, 16, 16), (4, 4), (4, 4, 4)),
        ((30, 27), (8, 12), (8, 7)),  # padded, and cut to size again
        ((15, 15, 12), (4, 4), (4, 4, 4)),  # 60 x 60 x 45 at 4 mm is alike
        ((8, 8), (4, 4, 4), (4, 4)),
    ],
)
def test_any_size_comes_back_as_it_went_in(spatial, widths, latent):
    network = autoencoder(spatial, widths)
    assert network.latent == latent
    pixels = torch.rand(2, 1, *spatial) * 2 - 1
    made, latents, quantised = there_and_back(network, pixels)
    assert made.shape == pixels.shape
    assert latents.shape == (2, 4, *latent)
    assert quantised.codes.shape == (2, *latent)


def test_padding_is_background_and_images_stay_in_the_middle():
    network = autoencoder((30, 27))
    whole = autoencoder((32, 28))
    whole.load_state_dict(network.state_dict())
    pixels = torch.rand(1, 1, 30, 27) * 2 - 1
    around = torch.full((1, 1, 32, 28), -1.0)
    around[:, :, 1:31, 0:27] = pixels
    made, of_whole = there_and_back(network, pixels)[0], there_and_back(whole, around)[0]
    assert torch.equal(made, of_whole[:, :, 1:31, 0:27])


@pytest.mark.parametrize("spatial", [(32, 32), (16, 16, 16)])
def test_checkpointing_gives_the_same_gradients(spatial):
    gradients = []
    for checkpointing in (False, True):
        network = autoencoder(spatial, checkpointing=checkpointing)
        made, *_ = there_and_back(network, torch.ones(1, 1, *spatial).cumsum(2) / 99)
        made.square().mean().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
    assert torch.allclose(*gradients)
    assert gradients[0].abs().sum() > 0


def test_spectral_distance_sees_blur_and_not_a_shift():
    sharp = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    blurred = torch.nn.functional.avg_pool2d(sharp, 3, 1, 1)
    assert spectral_distance(sharp, sharp) == 0
    shifted = spectral_distance(sharp.roll(2, 3), sharp)
    assert shifted < 1e-10 < spectral_distance(blurred, sharp)
