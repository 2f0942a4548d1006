"""Conditions and the number of convolutions, as the networks know them."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from brainzoo_pggan import networks
from brainzoo_pggan.networks import Growth

WIDTH = 4
SIZE = 16


def pair(dims=2, conditions=0, condition_stage=0, convolutions=2, size=SIZE, base_channels=8):
    """Return generator and discriminator in float64, all weights random."""
    torch.manual_seed(0)
    widths = networks.widths_of(size, base_channels, 8)
    both = (
        networks.Generator(dims, 1, 8, widths, conditions, condition_stage, convolutions),
        networks.Discriminator(dims, 1, widths, conditions, condition_stage, True, convolutions),
    )
    return tuple(network.double() for network in both)


def started(network):
    """Give random weights to the parts that begin at zero."""
    for name, parameter in network.named_parameters():
        if "embed" in name or name.endswith("bias.weight"):
            torch.nn.init.normal_(parameter)
    return network


def doubles(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("convolutions", [1, 2])
@pytest.mark.parametrize("dims", [2, 3])
def test_every_stage_makes_and_judges_images_of_its_resolution(dims, convolutions):
    generator, discriminator = pair(dims, WIDTH, 0, convolutions)
    encoded = doubles(4, WIDTH)
    for stage in range(3):
        for alpha in (0.5, 1.0):
            made = generator(doubles(4, 8), encoded, Growth(stage, alpha))
            assert made.shape == (4, 1, *[4 << stage] * dims)
            assert discriminator(made.double(), encoded, Growth(stage, alpha)).shape == (4,)


def multiplications(convolutions):
    """Return those of an image made and of an image judged, at full size."""
    counted = []
    generator, discriminator = pair(convolutions=convolutions, size=64, base_channels=64)
    none = torch.zeros(4, 0, dtype=torch.float64)
    inputs = (doubles(4, 8), doubles(4, 1, 64, 64))
    for network, given in zip((generator, discriminator), inputs, strict=True):
        with FlopCounterMode(display=False) as counter:
            network(given, none, Growth(4))
        counted.append(counter.get_total_flops())
    return counted


def test_one_convolution_a_stage_halves_the_multiplications():
    for one, two in zip(multiplications(1), multiplications(2), strict=True):
        assert one < two / 2


def test_the_generator_s_conditions_are_those_beside_the_latent():
    generator, _ = pair(conditions=WIDTH)
    latent, encoded = doubles(3, 8), doubles(3, WIDTH, seed=1)
    made = generator(latent, encoded, Growth(2))
    assert not torch.allclose(made, generator(latent, encoded.flip(0), Growth(2)))
    assert torch.allclose(made, generator(latent, 3 * encoded, Growth(2)), atol=1e-5), (
        "embedded at constant length, as the latent is: an age far off does not break the image"
    )
    unknown = generator(latent, torch.zeros_like(encoded), Growth(2))
    assert torch.isfinite(unknown).all()
    unknown.sum().backward()
    assert float(generator.embed.weight.grad.abs().max()) == 0, "nothing is learned of nothing"


def test_the_discriminator_projects_features_onto_a_linear_map():
    _, discriminator = pair(conditions=WIDTH)
    pixels, encoded = doubles(4, 1, SIZE, SIZE), doubles(4, WIDTH, seed=1)
    none = torch.zeros_like(encoded)

    def judged(encoded):
        return discriminator(pixels, encoded, Growth(2)).detach()

    assert torch.equal(judged(encoded), judged(none)), "it begins without conditions"
    started(discriminator)
    once, twice = judged(encoded) - judged(none), judged(2 * encoded) - judged(none)
    assert float(once.abs().min()) > 0
    assert torch.allclose(twice, 2 * once, atol=1e-4)


@pytest.mark.parametrize("convolutions", [1, 2])
@pytest.mark.parametrize("dims", [2, 3])
def test_conditions_act_from_their_stage_on(dims, convolutions):
    """With random weights; new ones are zero, so that nothing jumps when they begin."""
    generator, discriminator = pair(dims, WIDTH, 1, convolutions)
    latent, encoded = doubles(4, 8), doubles(4, WIDTH, seed=1)
    none = torch.zeros_like(encoded)
    fresh = generator(latent, encoded, Growth(2))
    assert torch.equal(fresh, generator(latent, none, Growth(2)))
    started(generator), started(discriminator)
    for stage in range(3):
        growth = Growth(stage)
        pixels = doubles(4, 1, *[4 << stage] * dims)
        same = [
            torch.equal(generator(latent, encoded, growth), generator(latent, none, growth)),
            torch.equal(
                discriminator(pixels, encoded, growth), discriminator(pixels, none, growth)
            ),
        ]
        assert same == [stage == 0] * 2


@pytest.mark.parametrize("count", [2, 3, 4, 6, 8])
@pytest.mark.parametrize("dims", [2, 3])
def test_batches_judged_in_one_pass_have_the_logits_of_each_alone(dims, count):
    _, discriminator = pair(dims, WIDTH)
    real, fake = doubles(count, 1, *[SIZE] * dims), 3 * doubles(count, 1, *[SIZE] * dims, seed=1)
    encoded, growth = doubles(count, WIDTH), Growth(2, 0.5)
    alone = torch.cat([discriminator(part, encoded, growth) for part in (real, fake)])
    together = discriminator(torch.cat([real, fake]), encoded.repeat(2, 1), growth, batches=2)
    assert torch.allclose(together, alone, rtol=1e-5)
    mixed = discriminator(torch.cat([real, fake]), encoded.repeat(2, 1), growth)
    assert not torch.allclose(mixed, alone, rtol=1e-3), "statistics tell the two apart"
