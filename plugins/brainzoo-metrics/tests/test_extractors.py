import numpy as np
import pytest
import torch
from torch import nn

from brainzoo.checkpoint.weights_file import write_arrays
from brainzoo.common.errors import DataError
from brainzoo_metrics.extractors import MEAN, STD
from brainzoo_metrics.feature_weights import import_torchvision
from brainzoo_metrics.features import Features
from brainzoo_metrics.options import FeatureOptions


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Return torchvision's own SqueezeNet, drawn at random, and a file of its weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = import_torchvision().models.squeezenet1_1(weights=None).eval()
    path = tmp_path_factory.mktemp("weights") / "squeezenet.safetensors"
    state = network.features.state_dict()
    path.write_bytes(write_arrays({f"features.{k}": v.numpy() for k, v in state.items()}))
    return network, path


def normalised(pixels):
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    return (torch.from_numpy(pixels).expand(-1, 3, -1, -1) - mean) / std


def images(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


@pytest.mark.parametrize("pooling", ["mean", "mean+max"])
def test_features_are_torchvision_s(weights, pooling):
    """Three equal normalised colours through torchvision's network give the same vectors."""
    network, path = weights
    pixels = images(3, 1, 130, 150)
    with torch.inference_mode():
        expected = network.features(normalised(pixels))
    parts = [expected.mean((2, 3)), expected.amax((2, 3))][: 1 + (pooling == "mean+max")]
    options = FeatureOptions(extractor="squeezenet", features_weights=path, pooling=pooling)
    found = Features.load(options)(pixels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, torch.cat(parts, 1).numpy(), rtol=1e-4, atol=1e-4)


def test_small_images_are_enlarged_in_proportion(weights):
    network, path = weights
    made = Features.load(FeatureOptions(extractor="squeezenet", features_weights=path))
    pixels = images(2, 1, 32, 48)
    larger = nn.functional.interpolate(torch.from_numpy(pixels), (128, 192), mode="bilinear")
    with torch.inference_mode():
        expected = network.features(normalised(larger.numpy())).mean((2, 3))
    np.testing.assert_allclose(made(pixels), expected, rtol=1e-4, atol=1e-4)


def test_channels_are_grey_images_whose_vectors_are_joined():
    made = Features.load(FeatureOptions(extractor="random-squeezenet", layer="fire3"))
    pixels = images(3, 2, 128, 128)
    both = np.hstack([made(pixels[:, :1]), made(pixels[:, 1:])])
    np.testing.assert_allclose(made(pixels), both, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "layer", "length"),
    [
        ("random-vgg16", "conv3", 256),
        ("random-vgg16", "last", 512),
        ("random-squeezenet", "fire5", 256),
        ("random-squeezenet", "last", 512),
    ],
)
def test_layers_have_the_lengths_of_their_papers(name, layer, length):
    made = Features.load(FeatureOptions(extractor=name, layer=layer))
    features = made(images(2, 1, 128, 128))
    assert features.shape == (2, length)
    assert np.isfinite(features).all()
    assert not np.allclose(features[0], features[1])


def test_fc7_is_a_vector_of_4096_whatever_the_size():
    made = Features.load(FeatureOptions(extractor="random-vgg16", layer="fc7", pooling="mean+max"))
    assert made(images(1, 1, 140, 128)).shape == (1, 4096)
    assert made.pooling == "none"


def test_resnet50_ends_in_2048(tmp_path):
    network = import_torchvision().models.resnet50(weights=None)
    torch.save(network.state_dict(), tmp_path / "r.pth")
    options = FeatureOptions(extractor="resnet50", features_weights=tmp_path / "r.pth")
    pixels = images(2, 1, 128, 128)
    network.avgpool, network.fc = nn.AdaptiveAvgPool2d(1), nn.Identity()
    with torch.inference_mode():
        expected = network.eval()(normalised(pixels))
    np.testing.assert_allclose(Features.load(options)(pixels), expected, rtol=1e-3, atol=1e-4)


def test_random_weights_are_the_same_each_time_and_named():
    first, second = (Features.load(FeatureOptions(extractor="random-squeezenet")) for _ in range(2))
    pixels = images(1, 1, 128, 128)
    np.testing.assert_array_equal(first(pixels), second(pixels))
    assert first.random
    assert "RANDOM WEIGHTS" in first.label


def test_labels_tell_extractors_apart(weights):
    _, path = weights
    files = FeatureOptions(extractor="squeezenet", features_weights=path)
    both = FeatureOptions(extractor="squeezenet", features_weights=path, pooling="mean+max")
    found = [Features.load(options) for options in (files, both)]
    assert len({e.label for e in found}) == 2
    assert "squeezenet fire9, pooling mean, weights " in found[0].label
    assert not found[0].random


def test_volumes_are_refused():
    made = Features.load(FeatureOptions(extractor="random-squeezenet", layer="fire3"))
    with pytest.raises(DataError, match="2-D"):
        made(images(1, 1, 8, 8, 8))
