"""The second discriminator: what it sees, what it is trained on, and what is left of it."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.optim.optimizer import register_optimizer_step_post_hook

import brainzoo
from brainzoo.common.errors import OptionError
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.testing.heads import make_images
from brainzoo_metrics.feature_weights import import_torchvision
from brainzoo_pggan.config import PGGANConfig
from brainzoo_pggan.generator import ProgressiveGAN
from brainzoo_pggan.vision_aided import Heads, SqueezeNet


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    state = import_torchvision().models.squeezenet1_1(weights=None).state_dict()
    path = tmp_path_factory.mktemp("weights") / "squeezenet.safetensors"
    save_file({name: v for name, v in state.items() if name.startswith("features")}, path)
    return path


@pytest.mark.parametrize(("channels", "side"), [(1, 128), (2, 32)])
def test_heads_judge_what_squeezenet_sees_and_only_images_get_gradients(weights, channels, side):
    squeezenet = SqueezeNet(weights, torch.device("cpu"))
    pixels = torch.rand(3, channels, side, side, requires_grad=True)
    maps = squeezenet(pixels)
    assert [m.shape[1] for m in maps] == [n * channels for n in (128, 256, 512)]
    assert [m.shape[2] for m in maps] == [31, 15, 7]
    logits = Heads(channels, 2)(maps, torch.eye(3, 2))
    assert logits.shape == (3, 3)
    logits.sum().backward()
    assert pixels.grad.abs().amax((1, 2, 3)).min() > 0
    # What it sees of slice 1 has nothing to do with the slices beside it.
    assert torch.allclose(squeezenet(pixels[1:2])[0], maps[0][1:2], atol=1e-5)


def test_heads_tell_images_that_are_all_alike_and_batches_apart(weights):
    squeezenet, heads = SqueezeNet(weights, torch.device("cpu")), Heads(1, 0)
    nothing = torch.zeros(4, 0)
    with torch.no_grad():
        varied = torch.rand(4, 1, 128, 128)
        alike = varied[:1].expand(4, -1, -1, -1)
        for _ in range(20):  # the spectral norms settle
            heads(squeezenet(varied), nothing)
        heads.eval()
        apart = [heads(squeezenet(part), nothing) for part in (varied, alike)]
        together = heads(squeezenet(torch.cat([varied, alike])), torch.zeros(8, 0), batches=2)
    assert not torch.allclose(apart[0][:, 0], apart[1][:, 0], atol=1e-4), "the same image in both"
    assert torch.allclose(together, torch.cat(apart, dim=1), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["r1", "rpgan", "wgan-gp"])
def test_killed_and_resumed_ends_in_the_same_weights_without_a_word_of_the_file(
    weights, tmp_path, loss
):
    images = make_images(tmp_path / "images", spatial=(16, 16)).where(split="train")
    config = PGGANConfig(
        base_channels=16,
        narrow_from=4,
        latent=8,
        loss=loss,
        vision_aided="squeezenet",
        features_weights=weights,
    )

    def train(name, resume=False):
        generator = ProgressiveGAN(config)
        settings = TrainConfig(images=64, batch_size=8, device="cpu", grids=2, save_minutes=0.0)
        generator.fit(images, Run(tmp_path / name, settings, resume=resume))
        generator.save(tmp_path / name / "checkpoint")

    steps = []

    def kill(*_):
        steps.append(1)
        if len(steps) == 9:  # in the middle of the fifth of eight steps
            raise KeyboardInterrupt

    hook = register_optimizer_step_post_hook(kill)
    with pytest.raises(KeyboardInterrupt):
        train("parts")
    hook.remove()
    train("parts", resume=True)
    train("whole")
    one, other = (tmp_path / name / "checkpoint" for name in ("parts", "whole"))
    assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
    assert weights.name not in (one / "config.json").read_text()
    last = json.loads((tmp_path / "whole" / "stats.jsonl").read_text().splitlines()[-1])
    assert np.isfinite(last["aided_drift"])
    drawn = brainzoo.load(one).images(2, seed=0)
    assert drawn.shape == (2, 1, 16, 16)


def test_volumes_and_weights_without_use_are_refused(weights):
    with pytest.raises(OptionError, match="these are volumes"):
        PGGANConfig(vision_aided="squeezenet").check_spatial((32, 32, 32))
    with pytest.raises(OptionError, match="nothing uses them"):
        PGGANConfig(features_weights=weights)
