"""Each layer against a formula written another way."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d, avg_pool3d, conv2d, conv3d, interpolate

from brainzoo_pggan.networks import (
    Convolution,
    Linear,
    downsample,
    group_of,
    minibatch_stddev,
    pixel_norm,
    upsample,
)

CONVOLVE = {2: conv2d, 3: conv3d}
AVERAGE = {2: avg_pool2d, 3: avg_pool3d}


def doubles(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dims", [2, 3])
def test_fused_upscale_is_upscale_then_convolution(dims):
    layer = Convolution(3, 5, 3, dims, scaling="up").double()
    images = doubles(2, 3, *[4, 6, 8][:dims])
    with torch.no_grad():
        layer.bias.copy_(doubles(5, seed=1))
        weight = layer.weight * layer.scale
        plain = CONVOLVE[dims](interpolate(images, scale_factor=2), weight, layer.bias, padding=1)
        assert torch.allclose(layer(images), plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dims", [2, 3])
def test_fused_downscale_is_convolution_then_average(dims):
    layer = Convolution(3, 5, 3, dims, scaling="down").double()
    images = doubles(2, 3, *[4, 6, 8][:dims])
    with torch.no_grad():
        layer.bias.copy_(doubles(5, seed=1))
        weight = layer.weight * layer.scale
        plain = AVERAGE[dims](CONVOLVE[dims](images, weight, layer.bias, padding=1), 2)
        assert torch.allclose(layer(images), plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scaling", ["up", "down"])
def test_fused_kernels_train_the_same_weights(scaling):
    """Gradients reach the three-wide kernel as they would without fusing."""
    layer = Convolution(2, 3, 3, 2, scaling=scaling).double()
    images = doubles(2, 2, 4, 4)
    plain = layer.weight.detach().clone().requires_grad_(True)
    before = interpolate(images, scale_factor=2) if scaling == "up" else images
    after = conv2d(before, plain * layer.scale, padding=1)
    after = avg_pool2d(after, 2) if scaling == "down" else after
    (after**2).sum().backward()
    (layer(images) ** 2).sum().backward()
    assert torch.allclose(layer.weight.grad, plain.grad, rtol=1e-10)


@pytest.mark.parametrize(("dims", "kernel"), [(2, 1), (2, 3), (3, 3)])
def test_equalised_scale_is_he_s(dims, kernel):
    """He et al. 2015: gain / sqrt(fan-in), with the stored weights of variance one."""
    torch.manual_seed(0)
    layer = Convolution(40, 50, kernel, dims)
    assert layer.scale == pytest.approx(math.sqrt(2 / (40 * kernel**dims)))
    assert float(layer.weight.detach().std()) == pytest.approx(1, rel=0.05)
    assert not layer.bias.any()
    dense = Linear(400, 300, gain=1)
    assert dense.scale == pytest.approx(0.05)
    out = dense(torch.randn(200, 400))
    assert float(out.detach().std()) == pytest.approx(1, rel=0.05)


def test_pixel_norm_has_unit_mean_square_at_each_pixel():
    values = doubles(2, 5, 3, 4)
    array = values.numpy()
    expected = array / np.sqrt((array**2).sum(axis=1, keepdims=True) / 5 + 1e-8)
    assert np.allclose(pixel_norm(values).numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(2, 5, 3, 4), (2, 3, 2, 2, 2), (4, 6)])
def test_pixel_norm_s_gradient_is_numeric_differentiation_s(shape):
    assert torch.autograd.gradcheck(pixel_norm, doubles(*shape).requires_grad_(True))


@pytest.mark.parametrize("shape", [(8, 3, 4, 4), (6, 2, 2, 2, 2), (5, 3, 4, 4)])
def test_minibatch_stddev_in_plain_loops(shape):
    features = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    group = {8: 4, 6: 3, 5: 5}[shape[0]]
    assert group_of(shape[0]) == group
    members = shape[0] // group
    result = minibatch_stddev(features)
    assert result.shape == (shape[0], shape[1] + 1, *shape[2:])
    assert torch.equal(result[:, :-1], features)
    for image in range(shape[0]):
        alike = [i for i in range(shape[0]) if i % members == image % members]
        deviation = np.sqrt(features[alike].double().numpy().var(axis=0) + 1e-8).mean()
        assert torch.allclose(result[image, -1], torch.tensor(deviation).float(), rtol=1e-5)


def test_minibatch_stddev_of_equal_images_is_nothing():
    same = torch.rand(1, 3, 4, 4).expand(4, 3, 4, 4)
    assert minibatch_stddev(same)[:, -1].max() < 1e-3
    assert minibatch_stddev(torch.rand(4, 3, 4, 4))[:, -1].min() > 0.1


@pytest.mark.parametrize("dims", [2, 3])
def test_scaling_of_images(dims):
    images = doubles(2, 1, *[8] * dims)
    small = downsample(images, 4)
    assert small.shape[2:] == (2,) * dims
    corner = images[(slice(None), slice(None), *[slice(0, 4)] * dims)]
    first = (slice(None), slice(None), *[0] * dims)
    assert torch.allclose(small[first], corner.flatten(2).mean(2))
    assert torch.allclose(downsample(upsample(small, 4), 4), small)
    assert downsample(images, 1) is images
