"""What every generator must do, asked of PGGAN in 2-D and 3-D."""

from typing import ClassVar

from brainzoo.testing import GeneratorContract


class TestPGGAN(GeneratorContract):
    name = "pggan"
    options: ClassVar = {"base_channels": 16, "narrow_from": 4, "latent": 8}
    shapes = ((16, 16), (8, 8, 8))


class TestPGGANAsItsPresetsTrain(GeneratorContract):
    name = "pggan"
    options: ClassVar = {
        "loss": "rpgan",
        "base_channels": 16,
        "narrow_from": 8,
        "latent": 8,
        "convolutions": 1,
        "r1_interval": 2,
        "grow_from": 8,
    }
    shapes = ((16, 16),)


class TestPGGANWithWassersteinLoss(GeneratorContract):
    name = "pggan"
    options: ClassVar = {
        "loss": "wgan-gp",
        "latent_distribution": "uniform",
        "flip_every": 3,
        "base_channels": 16,
        "latent": 8,
        "condition_from": 8,
        "convolutions": 1,
        "batch_sizes": (16, 8),
        "diffaugment": ("translation", "brightness"),
    }
    shapes = ((8, 8),)
