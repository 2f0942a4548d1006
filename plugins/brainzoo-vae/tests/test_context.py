import pytest
import torch

from brainzoo.training import Step
from brainzoo_vae.losses import masked


def step(seed=0):
    return Step(seed, 0, torch.device("cpu"))


@pytest.mark.parametrize("shape", [(64, 1, 32, 32), (16, 1, 16, 16, 16)])
def test_masks_are_flat_squares_of_at_most_half_the_side(shape):
    pixels = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    seen = masked(pixels, step())
    changed = seen != pixels
    shares = changed.flatten(1).float().mean(1)
    whole = shares == 0
    assert 0.1 < whole.float().mean() < 0.6, "about a quarter has no square, some have a tiny one"
    assert shares.max() > 0.02
    assert shares.max() <= 3 * 0.5 ** (len(shape) - 2)
    for image, mask in zip(seen, changed, strict=True):
        assert len(image[mask].unique()) <= 3, "more greys than squares"
    assert seen.min() >= 0
    assert seen.max() <= 1


def test_masks_depend_on_the_step_only():
    pixels = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(masked(pixels, step()), masked(pixels, step()))
    assert not torch.equal(masked(pixels, step()), masked(pixels, step(1)))
