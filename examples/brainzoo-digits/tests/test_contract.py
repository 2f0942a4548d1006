from typing import ClassVar

from brainzoo.testing import DatasetContract, GeneratorContract


class TestDigits(DatasetContract):
    name = "digits"


class TestDigitsGAN(GeneratorContract):
    name = "digits-gan"
    options: ClassVar = {"base_channels": 8}
    shapes = ((16, 16),)
