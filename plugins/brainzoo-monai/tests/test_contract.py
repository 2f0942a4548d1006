"""What every generator must do, but for training: these were trained elsewhere."""

import json
from pathlib import Path

import pytest

from brainzoo.testing import GeneratorContract
from brainzoo_monai.generator import MonaiModel

from .bundles import nvidia_bundle, zoo_bundle

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning:monai")]


def converted(source: Path, folder: Path) -> Path:
    """Convert a bundle, to be sampled with few steps."""
    MonaiModel.convert(source, folder, {})
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["hyperparameters"]["steps"] = 2
    path.write_text(json.dumps(config))
    return folder


class TestLatentDiffusion(GeneratorContract):
    name = "monai"
    shapes = ((32, 32, 32),)
    trains = False

    @classmethod
    def published(cls, folder: Path) -> Path:
        return converted(zoo_bundle(folder / "bundle", size=cls.shapes[0]), folder / "checkpoint")


class TestMaisi(GeneratorContract):
    name = "monai"
    shapes = ((32, 32, 32),)
    trains = False

    @classmethod
    def published(cls, folder: Path) -> Path:
        bundle = nvidia_bundle(folder / "bundle", size=cls.shapes[0])
        return converted(bundle, folder / "checkpoint")
