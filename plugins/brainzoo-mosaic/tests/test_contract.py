"""What every generator must do, but for training step by step: registration is all there is."""

from pathlib import Path

from brainzoo.api import Run
from brainzoo.plugin.run import TrainConfig
from brainzoo.testing import GeneratorContract
from brainzoo.testing.heads import make_images
from brainzoo_mosaic.config import MosaicConfig
from brainzoo_mosaic.generator import Mosaic


class TestSlices(GeneratorContract):
    name = "mosaic"
    shapes = ((32, 32),)
    trains = False

    @classmethod
    def published(cls, folder: Path) -> Path:
        images = make_images(folder / "heads", spatial=cls.shapes[0], subjects=12)
        mosaic = Mosaic(MosaicConfig(parts=2))
        mosaic.fit(images.where(split="train"), Run(folder / "fitted", TrainConfig(images=1)))
        mosaic.save(folder / "checkpoint")
        return folder / "checkpoint"


class TestVolumes(TestSlices):
    shapes = ((16, 16, 16),)
