"""What every generator must do, asked of the variational autoencoder in 2-D and 3-D."""

from typing import ClassVar

from brainzoo.testing import GeneratorContract


class TestVAE(GeneratorContract):
    name = "vae"
    options: ClassVar = {"base_channels": 4, "latent": 8}
    shapes = ((32, 32), (16, 16, 16))
