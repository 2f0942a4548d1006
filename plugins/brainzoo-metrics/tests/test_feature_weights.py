import hashlib
import pickle
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from brainzoo.checkpoint.weights_file import write_arrays
from brainzoo.common.downloads import download
from brainzoo.common.errors import IntegrityError, NetworkError, NotFoundError
from brainzoo_metrics import feature_weights
from brainzoo_metrics.feature_weights import fill_randomly
from brainzoo_metrics.features import Features
from brainzoo_metrics.options import FeatureOptions


@pytest.fixture(scope="module")
def state():
    network = feature_weights.import_torchvision().models.squeezenet1_1(weights=None)
    fill_randomly(network, seed=1)
    return {f"features.{k}": v for k, v in network.features.state_dict().items()}


def as_safetensors(path, state):
    path.write_bytes(write_arrays({k: v.numpy() for k, v in state.items()}))
    return path


@pytest.mark.parametrize("prefix", ["features.", ""])
@pytest.mark.parametrize("kind", ["safetensors", "torch", "old torch"])
def test_weights_are_read_with_and_without_prefix(tmp_path, state, prefix, kind):
    found = {prefix + k.removeprefix("features."): v for k, v in state.items()}
    path = tmp_path / "weights.any"
    if kind == "safetensors":
        as_safetensors(path, found)
    else:
        torch.save(found, path, _use_new_zipfile_serialization=kind == "torch")
    options = FeatureOptions(extractor="squeezenet", features_weights=path)
    found = Features.load(options).network[1].state_dict()
    assert all(torch.equal(v, state[k]) for k, v in found.items())


def test_a_shallower_layer_needs_no_more_than_its_weights(tmp_path, state):
    few = {k: v for k, v in state.items() if int(k.split(".")[1]) < 5}
    path = as_safetensors(tmp_path / "few.safetensors", few)
    options = FeatureOptions(extractor="squeezenet", features_weights=path, layer="fire3")
    assert Features.load(options).layer == "fire3"
    with pytest.raises(IntegrityError, match="Missing"):
        Features.load(FeatureOptions(extractor="squeezenet", features_weights=path))


def test_old_weights_without_counts_of_batches_are_read(tmp_path):
    whole = feature_weights.import_torchvision().models.resnet50(weights=None).state_dict()
    state = {k: v for k, v in whole.items() if not k.endswith("num_batches_tracked")}
    path = as_safetensors(tmp_path / "r.safetensors", state)
    options = FeatureOptions(extractor="resnet50", features_weights=path, layer="layer1")
    network = Features.load(options).network
    assert not any(p.is_meta for p in network.state_dict().values())


def test_weights_of_another_network_are_refused(tmp_path, state):
    path = as_safetensors(tmp_path / "s.safetensors", state)
    with pytest.raises(IntegrityError, match="vgg16"):
        Features.load(FeatureOptions(extractor="vgg16", features_weights=path))
    first = "features.0.weight"
    wrong = as_safetensors(tmp_path / "w.safetensors", {**state, first: state[first][:, :1]})
    with pytest.raises(IntegrityError, match="squeezenet"):
        Features.load(FeatureOptions(extractor="squeezenet", features_weights=wrong))


def test_weights_that_are_not_finite_are_refused(tmp_path, state):
    bias = state["features.0.bias"].clone()
    bias[3] = float("nan")
    path = as_safetensors(tmp_path / "n.safetensors", {**state, "features.0.bias": bias})
    with pytest.raises(IntegrityError, match="not finite"):
        Features.load(FeatureOptions(extractor="squeezenet", features_weights=path))


class Harmful:
    def __reduce__(self):
        return (exec, ("raise SystemExit('run')",))


@pytest.mark.parametrize("content", [pickle.dumps(Harmful()), b"", b"<html>", b"\0" * 100])
def test_what_holds_no_weights_is_refused_unread(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"weights\.pth is neither"):
        Features.load(FeatureOptions(extractor="squeezenet", features_weights=path))


def test_a_whole_model_of_torch_save_is_refused(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "m.pth")
    with pytest.raises(IntegrityError, match="plain weights"):
        Features.load(FeatureOptions(extractor="vgg16", features_weights=tmp_path / "m.pth"))


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(NotFoundError, match="there is no file"):
        Features.load(FeatureOptions(features_weights=tmp_path / "none.pth"))


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


def test_without_weights_and_network_one_line_comes_soon(own_cache, monkeypatch):
    nobody = {"vgg16": "http://127.0.0.1:9/vgg16-397923af.pth"}
    monkeypatch.setattr(feature_weights, "PUBLISHED", nobody)
    waits = SimpleNamespace(sleep=lambda seconds: pytest.fail("it waited"))
    monkeypatch.setattr(download, "time", waits)
    with pytest.raises(NetworkError) as caught:
        Features.load(FeatureOptions(), owner="gantrain")
    text = str(caught.value)
    assert "no weights of vgg16" in text
    assert "--gantrain.features-weights FILE" in text
    assert "--gantrain.extractor random-squeezenet" in text
    assert "\n" not in text


def test_torch_s_own_cache_is_used_and_verified(own_cache, monkeypatch, state):
    folder = own_cache / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    path = folder / "weights.pth"
    torch.save(state, path)
    digits = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    path = path.rename(folder / f"squeezenet1_1-{digits}.pth")
    monkeypatch.setattr(feature_weights, "PUBLISHED", {"squeezenet": path.name})
    assert Features.load(FeatureOptions(extractor="squeezenet")).weights.startswith(digits)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(IntegrityError, match=f"expected {digits}"):
        Features.load(FeatureOptions(extractor="squeezenet"))


def test_published_names_are_torchvision_s():
    models = feature_weights.import_torchvision().models
    weights = (models.VGG16_Weights, models.SqueezeNet1_1_Weights, models.ResNet50_Weights)
    for name, kind in zip(("vgg16", "squeezenet", "resnet50"), weights, strict=True):
        url = feature_weights.PUBLISHED[name]
        assert kind.IMAGENET1K_V1.url == url
