"""The options of image features, which every evaluator that looks at features offers alike."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from brainzoo.api import OptionError, option

LAYERS: Mapping[str, tuple[str, ...]] = {
    "vgg16": ("conv3", "conv4", "conv5", "fc6", "fc7"),
    "squeezenet": ("fire3", "fire5", "fire7", "fire9"),
    "resnet50": ("layer1", "layer2", "layer3", "layer4"),
    "inception": ("pool",),
}
"""Layers of each network by the names of its paper, in order."""

INCEPTION = "inception"
RANDOM = "random-"
EXTRACTORS = (*LAYERS, "random-vgg16", "random-squeezenet")


@dataclass(frozen=True)
class FeatureOptions:
    """Which network, which of its layers, and how a map of features becomes one vector.

    An evaluator's configuration inherits these fields.
    """

    extractor: str = option(
        "vgg16",
        "Network trained on ImageNet whose features are compared; inception is FID's and needs "
        "torch-fidelity; random-* has random weights and says nothing.",
        choices=EXTRACTORS,
    )
    features_weights: Path | None = option(
        None, "File with its weights (safetensors, or of torch.save); else they are downloaded."
    )
    layer: str = option(
        "last",
        "vgg16: conv3, conv4, conv5, fc6, fc7; squeezenet: fire3, 5, 7, 9; resnet50: layer1 to 4.",
    )
    pooling: str = option(
        "mean", "How the map of a layer becomes one vector.", choices=("mean", "mean+max")
    )

    def __post_init__(self) -> None:
        layers = LAYERS[self.network]
        if self.layer != "last" and self.layer not in layers:
            near = difflib.get_close_matches(self.layer, [*layers, "last"], n=1)
            raise OptionError(
                f"layer is {self.layer!r}; {self.extractor} has {', '.join(layers)}.",
                f"Did you mean {near[0]!r}?" if near else "",
            )
        if self.features_weights is not None and self.random:
            raise OptionError(
                f"{self.extractor} has random weights, and features_weights names a file.",
                f"Choose the extractor {self.network}, or omit the file.",
            )

    @property
    def network(self) -> str:
        """The network without the word ``random``."""
        return self.extractor.removeprefix(RANDOM)

    @property
    def random(self) -> bool:
        """Whether its weights are random: values from it say nothing about images."""
        return self.extractor.startswith(RANDOM)

    @property
    def chosen_layer(self) -> str:
        """The layer by its own name; the last is that of the convolutions."""
        last = [layer for layer in LAYERS[self.network] if not layer.startswith("fc")][-1]
        return last if self.layer == "last" else self.layer
