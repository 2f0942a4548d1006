"""What every generator must do, asked of the VQ-VAE in 2-D and 3-D."""

from typing import ClassVar

from brainzoo.testing import GeneratorContract


class TestVQVAE(GeneratorContract):
    name = "vqvae"
    options: ClassVar = {
        "widths": (8, 8),
        "residual_layers": 1,
        "codes": 16,
        "code_length": 4,
        "prior_width": 32,
        "prior_layers": 1,
    }
    shapes = ((32, 32), (16, 16, 16))
