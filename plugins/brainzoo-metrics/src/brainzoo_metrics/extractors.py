"""Networks trained on ImageNet that turn images into vectors.

VGG-16 (Simonyan and Zisserman 2015, configuration D), SqueezeNet 1.1 (Iandola et al. 2016) and
ResNet-50 (He et al. 2016) as torchvision builds them. How grey images enter them:

- values of [0, 1], the same in all three colours, normalised by ImageNet's mean and standard
  deviation;
- an image whose shorter side is under 128 pixels is enlarged to 128 (bilinear, sides kept in
  proportion); larger ones stay as they are. ``fc6`` and ``fc7`` of VGG-16 pool any size to 7 × 7.
"""

# ruff: noqa: TID253 (imported by features and evaluators only when they work)

from __future__ import annotations

import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import interpolate

from brainzoo.api import NotFoundError
from brainzoo_metrics.feature_weights import (
    fill_randomly,
    import_torchvision,
    load_weights,
    read_state,
    sha256,
    weights_file,
    wrong_weights,
)
from brainzoo_metrics.options import INCEPTION, FeatureOptions

LEAST_SIDE = 128
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
BUILDERS: Mapping[str, str] = {"squeezenet": "squeezenet1_1"}
"""Names of torchvision's builders that are not the network's own."""
CUTS: Mapping[str, tuple[str, int]] = {
    "conv3": ("features", 16),
    "conv4": ("features", 23),
    "conv5": ("features", 30),  # each after its last ReLU, before pooling
    "fc6": ("classifier", 2),
    "fc7": ("classifier", 5),
    "fire3": ("features", 5),
    "fire5": ("features", 8),
    "fire7": ("features", 11),
    "fire9": ("features", 13),
}
"""How many modules of which sequence lead to a layer that has no name in torchvision."""


class Colours(nn.Module):
    """Three equal normalised colours of grey images."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def forward(self, grey: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, 3, height, width)`` of ``(batch, 1, height, width)`` in [0, 1]."""
        return (grey - self.mean) / self.std


class Inception(nn.Module):
    """Inception-v3 as FID has it (Heusel et al. 2017): torch-fidelity's copy of the original.

    Its 2,048 pooled features differ from torchvision's Inception, and only with them is a Fréchet
    distance called FID. Images enter as in the original: 8 bits, three equal colours, 299 × 299 by
    TensorFlow 1's bilinear rule.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        import_torchvision()  # torch-fidelity imports it, and cannot beside a torch without CUDA
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError as error:
            raise NotFoundError(
                f"the extractor inception needs torch-fidelity, which cannot be imported: {error}.",
                "Install it with: pip install torch-fidelity",
            ) from error
        with tempfile.TemporaryDirectory() as folder:
            # torch-fidelity unpickles what it is given: it gets a copy of the tensors only.
            copy = Path(folder) / "inception.pth"
            torch.save(read_state(weights), copy)
            try:
                self.network = FeatureExtractorInceptionV3("inception", ["2048"], str(copy))
            except RuntimeError as error:
                raise wrong_weights(weights, "torch-fidelity's Inception", error) from error

    def forward(self, grey: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, 2048)`` for images ``(batch, 1, height, width)`` in [0, 1]."""
        colours = (grey * 255).round().clamp(0, 255).to(torch.uint8).expand(-1, 3, -1, -1)
        features: torch.Tensor = self.network(colours.contiguous())[0]
        return features


def network_of(options: FeatureOptions, owner: str) -> tuple[nn.Module, str]:
    """Return a network with its weights, and the SHA-256 of their file (``random`` without one).

    It takes ``(batch, 1, height, width)`` in [0, 1] and returns ``(batch, feature, ...)``.
    """
    if options.network == INCEPTION:
        file = weights_file(options, owner)
        return _placed(Inception(file)), sha256(file)
    models = import_torchvision().models
    with torch.device("meta"):
        whole = models.get_model(BUILDERS.get(options.network, options.network), weights=None)
        network = _up_to(options.chosen_layer, whole)
    weights = "random"
    if options.random:
        fill_randomly(network)
    else:
        file = weights_file(options, owner)
        weights = sha256(file)
        load_weights(network, file, options.network)
    return _placed(nn.Sequential(Colours(), network)), weights


def _up_to(layer: str, network: nn.Module) -> nn.Sequential:
    """Return the modules that lead to a layer, under the names that torchvision's weights have."""
    parts = OrderedDict(network.named_children())
    last, length = CUTS.get(layer, (layer, 0))
    if length:
        parts[last] = parts[last][:length]  # type: ignore[index]
    for name in list(parts)[list(parts).index(last) + 1 :]:
        del parts[name]
    if last == "classifier":
        parts["flatten"] = nn.Flatten()
        parts.move_to_end(last)
    return nn.Sequential(parts)


def _placed(network: nn.Module) -> nn.Module:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = network.eval().requires_grad_(False).to(device)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def enlarged(grey: torch.Tensor) -> torch.Tensor:
    """Return images ``(batch, 1, height, width)`` whose shorter side is 128 or more."""
    shorter = min(grey.shape[2:])
    if shorter < LEAST_SIDE:
        sides = [round(side * LEAST_SIDE / shorter) for side in grey.shape[2:]]
        grey = interpolate(grey, size=sides, mode="bilinear", align_corners=False)
    return grey
