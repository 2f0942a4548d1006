"""What every generator must do, asked of DCGAN in 2-D and 3-D."""

from typing import ClassVar

from brainzoo.testing import GeneratorContract


class TestDCGAN(GeneratorContract):
    name = "dcgan"
    options: ClassVar = {"base_channels": 16, "latent": 8}
    shapes = ((32, 32), (16, 16, 16))
