"""Features and Fréchet distance against torch-fidelity: python tests/benchmarks/evaluation.py

    python tests/benchmarks/evaluation.py [--images 96] [--size 64] [--weights FILE]

Both compute the Fréchet distance of the same two sets of images from the same layer of the same
SqueezeNet 1.1 with the same weights (random ones without ``--weights``), on the same threads; both
start from pixels, without caches. torch-fidelity gets the network as an extractor of its own, in
the form it wants: three colours of 8 bits, enlarged and normalised inside. It sees the images
rounded to 8 bits, so distances agree to about a percent; they are told.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contest import Contest, Way, main, say
from numpy.typing import NDArray
from peers import peer, there

from brainzoo.testing import make_images
from brainzoo_metrics.distances import frechet_draws
from brainzoo_metrics.extractors import LEAST_SIDE, MEAN, STD
from brainzoo_metrics.feature_weights import import_torchvision
from brainzoo_metrics.features import BATCH, Features
from brainzoo_metrics.options import FeatureOptions

torchvision = import_torchvision()  # before torch-fidelity, which needs it imported

FeatureExtractorBase: Any = object
if there("torch_fidelity"):
    torch_fidelity: Any = peer("torch_fidelity")
    FeatureExtractorBase = peer("torch_fidelity.feature_extractor_base").FeatureExtractorBase

DEFAULTS = {"images": 96, "size": 64, "weights": ""}
Pixels = NDArray[np.float32]


def ours(options: FeatureOptions, sets: list[Pixels]) -> tuple[float, float]:
    """Return seconds and the distance."""
    network = Features.load(options)
    started = time.perf_counter()
    vectors = [
        np.concatenate([network(part[i : i + BATCH]) for i in range(0, len(part), BATCH)])
        for part in sets
    ]
    once = (np.ones((1, len(one))) for one in vectors)
    distance = float(frechet_draws(*vectors, *once)[0])
    return time.perf_counter() - started, distance


class Colours(torch.utils.data.Dataset[torch.Tensor]):
    """Images as torch-fidelity takes them: ``(3, height, width)`` of 8 bits."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = np.round(255 * pixels).astype(np.uint8)

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self.pixels[index]).expand(3, -1, -1)


class SqueezeNet(FeatureExtractorBase):
    """The same network, as one writes it for torch-fidelity."""

    def __init__(self, name: str, features_list: list[str], **kwargs: Any) -> None:
        super().__init__(name, features_list)
        self.network = STATE["network"]

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return ("fire9",)

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return "fire9"

    @staticmethod
    def can_be_compiled() -> bool:
        return False

    @staticmethod
    def get_dummy_input_for_compile() -> torch.Tensor:
        return torch.zeros(1, 3, LEAST_SIDE, LEAST_SIDE, dtype=torch.uint8)

    def forward(self, colours: torch.Tensor) -> tuple[torch.Tensor]:
        scaled = colours.float() / 255
        if min(scaled.shape[2:]) < LEAST_SIDE:
            scaled = torch.nn.functional.interpolate(
                scaled, size=(LEAST_SIDE, LEAST_SIDE), mode="bilinear", align_corners=False
            )
        mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (MEAN, STD))
        return (self.network((scaled - mean) / std).mean((2, 3)),)


STATE: dict[str, torch.nn.Module] = {}


def theirs(sets: list[Pixels]) -> tuple[float, float]:
    """Return seconds and the distance."""
    started = time.perf_counter()
    found = torch_fidelity.calculate_metrics(
        input1=Colours(sets[0]),
        input2=Colours(sets[1]),
        feature_extractor="squeezenet-same",
        fid=True,
        cuda=False,
        cache=False,
        verbose=False,
        batch_size=64,
        save_cpu_ram=True,
    )
    return time.perf_counter() - started, found["frechet_inception_distance"]


def contests(given: Any) -> Iterator[Contest]:
    """Yield the contest; distances are told below its table."""
    name = "squeezenet" if given.weights else "random-squeezenet"
    weights = Path(given.weights) if given.weights else None
    options = FeatureOptions(extractor=name, features_weights=weights)
    with tempfile.TemporaryDirectory() as folder:
        sets = [
            make_images(
                Path(folder) / str(seed),
                spatial=(given.size, given.size),
                subjects=given.images,
                per_subject=1,
                seed=seed,
            ).floats()
            for seed in (0, 1)
        ]
    count, distances = 2 * given.images, {}

    def way(name: str, measure: Callable[[], tuple[float, float]]) -> Way:
        def run(seconds: float) -> float:
            spent, distances[name] = measure()
            return count / spent

        return Way(name, run)

    ways = [way("brainzoo", lambda: ours(options, sets))]
    if there("torch_fidelity"):
        network = torchvision.models.squeezenet1_1(weights=None).features
        STATE["network"] = same_weights(network, options).eval().requires_grad_(False)
        torch_fidelity.register_feature_extractor("squeezenet-same", SqueezeNet)
        ways.append(way("torch-fidelity", lambda: theirs(sets)))
    title = f"Fréchet distance, SqueezeNet, 2 × {given.images} images, {given.size} × {given.size}"
    contest = Contest(title, "images/s", ways)
    yield contest
    told = ", ".join(f"{name} {value:.4g}" for name, value in distances.items())
    say(f"distances: {told}")


def same_weights(features: torch.nn.Module, options: FeatureOptions) -> torch.nn.Module:
    """Return torchvision's network filled with the weights that our extractor has."""
    features.load_state_dict(Features.load(options).network[1].features.state_dict())
    return features


if __name__ == "__main__":
    main(contests, __doc__, **DEFAULTS)
