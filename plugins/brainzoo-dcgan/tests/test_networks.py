import pytest
import torch
from torch import nn

from brainzoo.common.errors import OptionError
from brainzoo.plugin.options import make_config
from brainzoo.testing.heads import make_images
from brainzoo_dcgan import networks
from brainzoo_dcgan.config import DCGANConfig


@pytest.mark.parametrize("size", [32, 64, 128, 256])
def test_the_paper_s_layers(size):
    """256 to 32 channels enter four 5 × 5 convolutions of stride 2 (Kazuhiro et al. 2018)."""
    generator = networks.Generator((1, size, size), 100, 256, 0)
    convolutions = [m for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [c.in_channels for c in convolutions] == [256, 128, 64, 32]
    assert {c.kernel_size for c in convolutions} == {(5, 5)}
    assert {c.stride for c in convolutions} == {(2, 2)}
    assert generator.project.in_features == 100
    discriminator = networks.Discriminator((1, size, size), 256, 0)
    mirrored = [m.out_channels for m in discriminator.modules() if isinstance(m, nn.Conv2d)]
    assert mirrored == [32, 64, 128, 256]
    slopes = {m.negative_slope for m in discriminator.modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.2}
    made = generator(torch.rand(2, 100) * 2 - 1, torch.zeros(2, 0))
    assert made.shape == (2, 1, size, size)
    assert made.abs().max() <= 1
    assert discriminator(made, torch.zeros(2, 0)).shape == (2,)


def test_batch_norm_everywhere_but_at_the_images():
    generator = networks.Generator((1, 32, 32), 8, 16, 0)
    discriminator = networks.Discriminator((1, 32, 32), 16, 0)
    norms = [
        [m.num_features for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
        for network in (generator, discriminator)
    ]
    assert norms == [[16, 8, 4, 2], [4, 8, 16]]


def test_volumes_take_the_same_network_in_3d():
    generator = networks.Generator((1, 16, 16, 16), 8, 16, 0)
    made = generator(torch.rand(2, 8), torch.zeros(2, 0))
    assert made.shape == (2, 1, 16, 16, 16)
    discriminator = networks.Discriminator((1, 16, 16, 16), 16, 0)
    assert discriminator(made, torch.zeros(2, 0)).shape == (2,)


def test_classes_reach_both_networks():
    torch.manual_seed(0)
    generator = networks.Generator((1, 32, 32), 8, 16, 2).eval()
    latent = torch.rand(1, 8)
    young, old = (generator(latent, torch.eye(2)[[c]]) for c in (0, 1))
    assert not torch.allclose(young, old)
    discriminator = networks.Discriminator((1, 32, 32), 16, 2).eval()
    logits = [discriminator(young, torch.eye(2)[[c]]) for c in (0, 1)]
    assert not torch.equal(*logits)


@pytest.mark.parametrize("spatial", [(48, 48), (16, 16), (64, 32), (24, 24, 24), (100, 100)])
def test_sizes_that_four_doublings_cannot_reach(spatial):
    hint = "32, 64, 128 or 256" if len(spatial) == 2 else "16, 32, 64 or 128"
    with pytest.raises(OptionError, match=f"power of two.*--size {hint}"):
        DCGANConfig().check_spatial(spatial)


def test_fit_refuses_such_a_size_before_it_trains(tmp_path):
    from brainzoo.plugin.run import Run, TrainConfig
    from brainzoo_dcgan.generator import DCGAN

    images = make_images(tmp_path / "images", spatial=(24, 24)).where(split="train")
    with pytest.raises(OptionError, match="found 24 × 24"):
        DCGAN(DCGANConfig()).fit(images, Run(tmp_path / "run", TrainConfig(images=16)))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_channels": 100}, "multiple of 8"),
        ({"diffaugment": ("colour",)}, "'colour' is not one of"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(OptionError, match=message):
        make_config(DCGANConfig, options)


def test_conditions_tell_what_was_drawn(tmp_path):
    from brainzoo.plugin.run import Run, TrainConfig
    from brainzoo_dcgan.generator import DCGAN

    images = make_images(tmp_path / "images", spatial=(32, 32)).where(split="train")
    generator = DCGAN(DCGANConfig(base_channels=16, latent=8))
    generator.fit(images, Run(tmp_path / "run", TrainConfig(images=8, batch_size=8)))
    drawn = [row["class"] for row in generator.conditions(200, seed=1)]
    assert 70 < drawn.count("old") < 130, "drawn as in training, where half were old"
    assert drawn == [row["class"] for row in generator.conditions(300, seed=1)][:200]
    old = generator.conditions(3, seed=1, condition={"class": "old"})
    assert [row["class"] for row in old] == ["old"] * 3
