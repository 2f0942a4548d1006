"""Made-up heads of many subjects, and a model that knows 32 of them by heart."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brainzoo.data.images import Images
from brainzoo.testing.heads import make_images

WEIGHTS = "ab" * 32
MEMORISED = 32


@pytest.fixture(scope="session")
def real(tmp_path_factory):
    """Return 240 heads of 120 subjects: 72 to train on, 24 for validation, 24 for test."""
    folder = tmp_path_factory.mktemp("privacy") / "real"
    return make_images(folder, spatial=(32, 32), subjects=120, per_subject=2)


@pytest.fixture(scope="session")
def train(real):
    return real.where(split="train")


@pytest.fixture(scope="session")
def test(real):
    return real.where(split="test")


@pytest.fixture(scope="session")
def overfitted(train):
    """Return 128 samples of a decoder trained on 32 images until it knew them by heart.

    Latents are learned with the weights (Bojanowski 2018, generative latent optimisation);
    samples are decoded from latents near the learned ones, at random.
    """
    torch.manual_seed(0)
    known = torch.from_numpy(train.floats(np.arange(MEMORISED)).reshape(MEMORISED, -1))
    latents = torch.nn.Parameter(torch.randn(MEMORISED, 16))
    decoder = torch.nn.Sequential(
        torch.nn.Linear(16, 256), torch.nn.ReLU(), torch.nn.Linear(256, known.shape[1])
    )
    adam = torch.optim.Adam([latents, *decoder.parameters()], 3e-3)
    for _ in range(400):
        adam.zero_grad()
        torch.nn.functional.mse_loss(decoder(latents), known).backward()
        adam.step()
    with torch.no_grad():
        near = latents.repeat(4, 1) + 0.1 * torch.randn(4 * MEMORISED, 16)
        pixels = decoder(near).clamp(0, 1).numpy()
    return made_of(pixels.reshape(-1, 1, 32, 32))


@pytest.fixture(scope="session")
def as_synthetic():
    """Return the function that makes pixels images of a generator."""
    return made_of


def made_of(pixels):
    rows = [{"image_id": f"{i:06d}"} for i in range(len(pixels))]
    info = {"synthetic": True, "checkpoint_sha256": WEIGHTS}
    return Images(np.asarray(pixels, np.float32), rows, info)
