import pytest
import torch

from brainzoo_pggan import networks
from brainzoo_pggan.networks import TICKS, Growth, last_stage
from brainzoo_pggan.training import Schedule

PROGRESS = [i / 4000 for i in range(4001)]


@pytest.mark.parametrize("size", [4, 8, 64, 256, 1024])
def test_growth_covers_every_stage_and_only_rises(size):
    last = last_stage(size)
    assert Growth(last).resolution == size
    grown = [Schedule(last, 0.6, 0.5)(p) for p in PROGRESS]
    assert grown[0] == Growth(0)
    assert {g.stage for g in grown} == set(range(last + 1))
    for stage in range(1, last + 1):
        alphas = [g.alpha for g in grown if g.stage == stage]
        assert alphas[0] < 0.05
        assert alphas[-1] == 1
        assert min(alphas) > 0
    levels = [g.level for g in grown]
    assert levels == sorted(levels)
    assert all(g == Growth(last) for g, p in zip(grown, PROGRESS, strict=True) if p >= 0.6)


def test_fading_and_stabilising_share_each_period():
    grown = [Schedule(2, 0.8, 0.25)(p) for p in PROGRESS]
    parts = [
        sum(g.stage == stage and (g.alpha == 1) is whole for g in grown) / len(grown)
        for stage, whole in ((0, True), (1, False), (1, True), (2, False), (2, True))
    ]
    assert parts == pytest.approx([0.3, 0.1, 0.3, 0.1, 0.2], abs=0.002)


@pytest.mark.parametrize(("grow", "fade"), [(1, 0.5), (0.5, 0), (0.5, 1), (0, 0.5)])
def test_extreme_schedules_end_grown(grow, fade):
    grown = [Schedule(3, grow, fade)(p) for p in PROGRESS]
    assert grown[-1] == Growth(3)
    levels = [g.level for g in grown]
    assert levels == sorted(levels)
    if not fade:
        assert {g.alpha for g in grown} == {1}


def test_a_level_is_the_growth_it_stands_for():
    for level in range(5 * TICKS + 1):
        growth = Growth.at(level)
        assert growth.level == level
        assert 0 < growth.alpha <= 1
    assert Growth.at(0) == Growth(0, 1)
    assert Growth.at(TICKS) == Growth(1, 1)
    assert Growth.at(TICKS + TICKS // 2) == Growth(2, 0.5)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_fade_of_real_images(dims, alpha):
    """At 0 nothing finer than the stage before is seen, at 1 all of this stage."""
    full = torch.randn((2, 1, *[16] * dims), dtype=torch.float64)
    seen = networks.matching(full, Growth(1, alpha))
    axes = range(2, 2 + dims)
    fine, coarse = full, full
    for axis in axes:
        fine = fine.unflatten(axis, (8, 2)).mean(axis + 1)
        coarse = coarse.unflatten(axis, (4, 4)).mean(axis + 1)
    for axis in axes:
        coarse = coarse.repeat_interleave(2, axis)
    assert torch.allclose(seen, alpha * fine + (1 - alpha) * coarse)


@pytest.mark.parametrize("convolutions", [1, 2])
@pytest.mark.parametrize("dims", [2, 3])
def test_fade_of_the_networks(dims, convolutions):
    torch.manual_seed(0)
    widths = networks.widths_of(16, 16, 8)
    generator = networks.Generator(dims, 1, 8, widths, 0, 0, convolutions).double()
    discriminator = networks.Discriminator(dims, 1, widths, 0, 0, True, convolutions).double()
    latent, none = torch.randn(4, 8, dtype=torch.float64), torch.zeros(4, 0, dtype=torch.float64)

    def made(stage, alpha):
        features = generator.grow(generator.first(latent, none), none, Growth(stage, alpha))
        return features.detach()

    coarse = made(1, 1.0)
    for axis in range(2, 2 + dims):
        coarse = coarse.repeat_interleave(2, axis)
    assert torch.allclose(made(2, 1 / 4096), coarse, atol=2e-2), "a stage begins as the one before"
    assert torch.allclose(made(2, 0.0), coarse, atol=1e-6)
    halfway = (coarse + made(2, 1.0)) / 2
    assert torch.allclose(made(2, 0.5), halfway, atol=1e-6)
    assert not torch.allclose(made(2, 1.0), coarse, atol=0.1)

    pixels = torch.randn((4, 1, *[16] * dims), dtype=torch.float64)
    with torch.no_grad():
        new = discriminator(pixels, none, Growth(2, 0.0))
        old = discriminator(networks.downsample(pixels), none, Growth(1))
        assert torch.allclose(new, old, atol=1e-6)
        # What the next block gets of a fading stage, seen at the block itself.
        seen = []
        discriminator.blocks[0].register_forward_hook(lambda _, given, __: seen.append(given[0]))
        for alpha in (0.0, 0.25, 1.0):
            discriminator(pixels, none, Growth(2, alpha))
    before, quarter, after = seen
    assert not torch.allclose(before, after, atol=0.1)
    assert torch.allclose(quarter, 0.75 * before + 0.25 * after, atol=1e-9)


def test_only_the_present_stage_gets_gradients():
    generator = networks.Generator(2, 1, 8, networks.widths_of(32, 16, 8), 0, 0)
    none = torch.zeros(2, 0)
    generator(torch.randn(2, 8), none, Growth(1, 0.5)).sum().backward()
    with_gradient = {n for n, p in generator.named_parameters() if p.grad is not None}
    assert {n.split(".")[1] for n in with_gradient if n.startswith("to_image")} == {"0", "1"}
    assert {n.split(".")[1] for n in with_gradient if n.startswith("blocks")} == {"0", "1"}
    assert len(generator.blocks) == 4
