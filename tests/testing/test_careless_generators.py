"""A careless generator is caught by its contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainzoo.common.errors import DataError
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.testing import GeneratorContract, make_images
from brainzoo.testing.plugin import Trained

from .conftest import Broken, caught

GENERATOR = """
    import json
    import numpy as np
    from brainzoo import Generator, checkpoint

    class Part(Generator):
        def fit(self, images, run):
            self.images = images
            self.mean = images.floats().mean(0)
            run.progress.mkdir(parents=True)
            run.stats.write_text(json.dumps({{"images": 0, "losses": {{}}}}))

        def sample(self, n, *, seed, start=0, condition=None, batch_size=64):
            rng = np.random.default_rng(seed)
            for start in range(0, n, batch_size):
                count = min(batch_size, n - start)
                noise = rng.normal(0, 0.1, (count, *self.mean.shape))
                {body}

        def save(self, folder):
            folder.mkdir()
            (folder / "model.pt").write_bytes(b"\\x80\\x02")

        @classmethod
        def load(cls, folder):
            return cls(None)
"""

VALIDATES = """
    from brainzoo.training import TorchGenerator

    class Part(TorchGenerator):
        name = "part"
        build = phases = draw = None

        def validate(self, network, images):
            return {wrong}

        def watch(self, network, training, validation):
            return {{"membership": 0.5}}
"""


@pytest.mark.parametrize(
    ("body", "test", "match"),
    [
        ("yield (self.mean + noise).astype(np.float32)", "samples_are_images", "expected . or"),
        ("yield (255 * self.mean + noise**2).astype(np.float32)", "samples_are", "expected 1 or"),
        ("yield np.clip(self.mean + noise, 0, 1)", "samples_are_images", "float64"),
        ("yield np.full(noise.shape, np.nan, np.float32)", "samples_are_images", "not finite"),
        (
            "yield np.random.default_rng(count).random(noise.shape, dtype=np.float32)",
            "same_seed_same_samples_whatever",
            "batch size changes",
        ),
        (
            "yield np.clip(self.mean + noise, 0, 1).astype(np.float32)",
            "samples_from_an_index_on",
            "differ when sampling begins there",
        ),
        (
            "yield np.clip(self.mean + 0 * noise, 0, 1).astype(np.float32)",
            "different_seeds_and_samples_differ",
            "seed is idle",
        ),
        (
            "np.random.random(); yield np.clip(noise, 0, 1).astype(np.float32)",
            "sampling_leaves_global",
            "global random state",
        ),
        (
            "yield np.clip(self.images.floats([0]) + noise, 0, 1).astype(np.float32)[:1]",
            "batches_are_as_large",
            "came as",
        ),
        ("yield np.clip(noise, 0, 1)", "training_writes_statistics", "budget was"),
        ("yield np.clip(noise, 0, 1)", "training_writes_sample_grids", "no progress"),
        ("yield np.clip(noise, 0, 1)", "checkpoint_is_safetensors", "no model.safetensors"),
    ],
)
def test_a_careless_generator_is_caught(
    broken: Broken, tmp_path: Path, body: str, test: str, match: str
) -> None:
    suite = broken(GeneratorContract, GENERATOR.format(body=body))
    images = make_images(tmp_path / "images", subjects=10).where(split="train")
    generator, run = suite.fit(images, tmp_path / "run")
    generator.save(run.checkpoint)
    name = next(n for n in dir(suite) if n.startswith(f"test_{test}"))
    with caught(match):
        getattr(suite, name)(Trained(generator, images, run))


def test_a_generator_without_a_seed_is_told_so_in_words(broken: Broken, tmp_path: Path) -> None:
    code = GENERATOR.format(body="yield noise").replace("*, seed, start=0, ", "*, start=0, ")
    suite = broken(GeneratorContract, code)
    images = make_images(tmp_path / "images", subjects=10).where(split="train")
    generator, run = suite.fit(images, tmp_path / "run")
    with pytest.raises(TypeError, match="unexpected keyword argument 'seed'"):
        suite.test_different_seeds_and_samples_differ(Trained(generator, images, run))


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ("float('nan')", "not finite"),
        ("self.encode_conditions(images.info, len(images)).sum()", "a row per image"),
    ],
)
def test_a_careless_validate_is_caught(
    broken: Broken, tmp_path: Path, wrong: str, match: str
) -> None:
    suite = broken(GeneratorContract, VALIDATES.format(wrong=wrong))
    images = make_images(tmp_path / "images", subjects=10).where(split="train")
    run = Run(tmp_path / "run", TrainConfig(images=8))
    with pytest.raises((AssertionError, DataError), match=match):
        suite.test_says_how_well_it_fits_images(Trained(suite.make(), images, run))
