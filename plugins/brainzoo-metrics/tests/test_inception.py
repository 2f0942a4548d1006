import numpy as np
import pytest
import torch

from brainzoo.common.errors import IntegrityError, OptionError
from brainzoo_metrics.feature_weights import import_torchvision
from brainzoo_metrics.features import Features
from brainzoo_metrics.options import FeatureOptions

import_torchvision()
theirs = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights of torch-fidelity's network, as its own file has them."""
    path = tmp_path_factory.mktemp("weights") / "inception.pth"

    class Empty(theirs.FeatureExtractorInceptionV3):
        def load_state_dict(self, state, **_):
            return None

    torch.save({}, path)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = Empty("inception", ["2048"], str(path)).state_dict()
    torch.save(state, path)
    return path


def test_features_are_those_of_torch_fidelity(weights):
    pixels = np.random.default_rng(0).random((3, 1, 40, 32), np.float32)
    ours = Features.load(FeatureOptions(extractor="inception", features_weights=weights))
    network = theirs.FeatureExtractorInceptionV3("inception", ["2048"], str(weights))
    colours = torch.from_numpy(np.rint(pixels * 255).astype(np.uint8)).repeat(1, 3, 1, 1)
    with torch.inference_mode():
        expected = network(colours)[0].numpy()
    found = ours(pixels)
    assert found.shape == (3, 2048)
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
    assert "inception pool" in ours.label
    assert not ours.random


def test_weights_of_another_network_are_one_line(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"conv1.weight": torch.zeros(3)}, path)
    with pytest.raises(IntegrityError, match=r"other\.pth holds no weights of torch-fidelity"):
        Features.load(FeatureOptions(extractor="inception", features_weights=path))


def test_pickled_code_is_refused(tmp_path):
    path = tmp_path / "code.pth"
    torch.save({"a": Planted()}, path)
    with pytest.raises(IntegrityError):
        Features.load(FeatureOptions(extractor="inception", features_weights=path))
    assert not Planted.ran


class Planted:
    """What a pickle would run when it is opened."""

    ran = False

    def __setstate__(self, state):
        Planted.ran = True

    def __getstate__(self):
        return {"x": 1}


def test_has_one_layer():
    with pytest.raises(OptionError, match="inception has pool"):
        FeatureOptions(extractor="inception", layer="fc7")
