"""What other programs make of an exported network: the images that torch makes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import brainzoo
from brainzoo.common.errors import NotFoundError, OptionError
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.testing import make_images
from brainzoo.training import latents

pytestmark = pytest.mark.slow

onnxruntime = pytest.importorskip("onnxruntime")


def run(path: Path, **inputs: NDArray[Any]) -> NDArray[Any]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert '"conditions"' in session.get_modelmeta().custom_metadata_map["brainzoo"]
    made: NDArray[Any] = session.run(None, inputs)[0]
    return made


def trained(tmp_path: Path, name: str, **options: Any) -> Any:
    """Return a small generator that has hardly learned anything."""
    images = make_images(tmp_path / "images", spatial=(32, 32)).where(split="train")
    config = plugins().get("generator", name).config(**options)
    generator: Any = plugins().load("generator", name)(config)
    train = TrainConfig(images=64, batch_size=8, device="cpu", grids=0)
    generator.fit(images, Run(tmp_path / "run", train))
    return generator


@pytest.mark.parametrize(
    ("name", "options", "noise", "distribution"),
    [
        ("dcgan", {"base_channels": 16}, "noise", "uniform"),
        ("pggan", {"base_channels": 16, "truncation": 1.0}, "latent", "normal"),
    ],
)
def test_a_gan_makes_the_same_images_by_onnx(
    tmp_path: Path, name: str, options: dict[str, Any], noise: str, distribution: str
) -> None:
    generator = trained(tmp_path, name, **options)
    path = generator.export_network(tmp_path / "network.onnx")
    numbers = latents(0, 0, 5, generator.config.latent, distribution)
    conditions = generator.known.encode(generator.conditions(5, seed=0))
    made = run(path, **{noise: numbers, "conditions": conditions})
    assert np.abs(made - generator.images(5, seed=0)).max() < 1e-4


def test_a_vae_decodes_the_same_by_onnx(tmp_path: Path) -> None:
    generator = trained(tmp_path, "vae")
    path = generator.export_network(tmp_path / "network.onnx")
    prior = generator.network.prior
    conditions = generator.known.encode(generator.conditions(5, seed=0))
    latent = prior.residuals(0, 0, 5) + prior.shift(conditions)
    made = run(path, latent=latent.astype(np.float32), conditions=conditions)
    assert np.abs(made - generator.images(5, seed=0)).max() < 1e-4


def test_a_vqvae_decodes_the_same_by_onnx(tmp_path: Path) -> None:
    generator = trained(tmp_path, "vqvae")
    path = generator.export_network(tmp_path / "network.onnx")
    codes = generator.encode(generator.images(5, seed=0))
    assert np.abs(run(path, codes=codes) - generator.decode(codes)).max() < 1e-4


def test_a_flow_samples_the_same_with_the_unet_of_onnx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = trained(tmp_path, "flow", widths=(8, 16), embedding=16, blocks=1, steps=3)
    by_torch = generator.images(5, seed=0, condition={"class": "old"})
    path = generator.export_network(tmp_path / "network.onnx")

    def forward(noisy: torch.Tensor, time: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        inputs = {"noisy": noisy, "time": time, "conditions": given}
        return torch.from_numpy(run(path, **{k: v.numpy() for k, v in inputs.items()}))

    monkeypatch.setattr(generator.ready().unet, "forward", forward)
    by_onnx = generator.images(5, seed=0, condition={"class": "old"})
    assert np.abs(by_onnx - by_torch).max() < 1e-4


def test_torch_reads_what_torch_exported(tmp_path: Path) -> None:
    generator: Any = brainzoo.load("pggan-ixi-64", truncation=1.0)
    path = generator.export_network(tmp_path / "network.pt2")
    noise = torch.from_numpy(latents(0, 0, 5, generator.config.latent, "normal"))
    conditions = torch.from_numpy(generator.known.encode(generator.conditions(5, seed=0)))
    made = torch.export.load(path).module()(noise, conditions)
    assert np.abs(made.detach().numpy() - generator.images(5, seed=0)).max() < 1e-4


def test_says_which_files_there_are_and_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator: Any = brainzoo.load("pggan-ixi-64", truncation=1.0)
    with pytest.raises(OptionError, match=r"\.onnx or "):
        generator.export_network(tmp_path / "network.pth")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(NotFoundError, match="pip install"):
        generator.export_network(tmp_path / "network.onnx")
    assert not list(tmp_path.iterdir())
