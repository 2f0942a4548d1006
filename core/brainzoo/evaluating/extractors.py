"""Networks trained on ImageNet that turn images into vectors, and where their weights come from.

VGG-16 (Simonyan and Zisserman 2015, configuration D), SqueezeNet 1.1 (Iandola et al. 2016) and
ResNet-50 (He et al. 2016) as torchvision builds them. How grey images enter them:

- values of [0, 1], the same in all three colours, normalised by ImageNet's mean and standard
  deviation; each channel of an image with several is a grey image, and their vectors are joined;
- an image whose shorter side is under 128 pixels is enlarged to 128 (bilinear, sides kept in
  proportion); larger ones stay as they are. ``fc6`` and ``fc7`` of VGG-16 pool any size to 7 × 7;
- all in float32: features in bf16 are off by percents.

``inception`` takes images as FID does: :mod:`brainzoo.evaluating.inception`.
"""

# ruff: noqa: TID253 (imported by brainzoo.evaluating.features and evaluators only when they work)

from __future__ import annotations

import dataclasses
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import conv2d, interpolate

from brainzoo.common.errors import DataError
from brainzoo.common.files import sha256
from brainzoo.evaluating.feature_weights import (
    fill_randomly,
    import_torchvision,
    load_weights,
    weights_file,
)
from brainzoo.evaluating.options import FeatureOptions

INCEPTION = "inception"
LEAST_SIDE = 128
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
CUTS: Mapping[str, int] = {
    "conv3": 16,
    "conv4": 23,
    "conv5": 30,  # each after its last ReLU, before pooling
    "fire3": 5,
    "fire5": 8,
    "fire7": 11,
    "fire9": 13,
}
"""How many modules of torchvision's ``features`` lead to a layer, its activation included."""


@dataclasses.dataclass(frozen=True)
class Extractor:
    """A network with weights, ready to turn images into vectors.

    Attributes:
        name: The network, as the option names it.
        layer: Where the features are taken.
        pooling: ``mean`` or ``mean+max`` over the layer's map; ``none`` for VGG-16's vectors.
        weights: SHA-256 of the weights' file; ``random`` if they are random.
        network: From ``(batch, 1, height, width)`` in [0, 1] to ``(batch, feature, ...)``.
    """

    name: str
    layer: str
    pooling: str
    weights: str
    network: nn.Module = dataclasses.field(repr=False, compare=False)

    @property
    def random(self) -> bool:
        """Whether the weights are random: nothing measured with them says how good images are."""
        return self.weights == "random"

    @property
    def label(self) -> str:
        """What every value says of its features."""
        weights = "RANDOM WEIGHTS" if self.random else f"weights {self.weights[:12]}"
        return f"{self.name} {self.layer}, pooling {self.pooling}, {weights}"

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides the features, for caches."""
        parts = f"{FORMAT} {self.name} {self.layer} {self.pooling} {self.weights} {LEAST_SIDE}"
        return hashlib.sha256(parts.encode()).hexdigest()

    def __call__(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features of images.

        Args:
            pixels: ``(image, channel, height, width)`` in [0, 1].

        Returns:
            ``(image, feature)``.

        Raises:
            DataError: The pixels are not 2-D images.
        """
        if pixels.ndim != 4:
            raise DataError(
                f"features are of 2-D images, found pixels of shape {pixels.shape}; expected "
                "(image, channel, height, width)."
            )
        grey = torch.from_numpy(np.ascontiguousarray(pixels)).flatten(0, 1).unsqueeze(1)
        # cuDNN would otherwise round the products of convolutions to 10 bits (TF32).
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            grey = grey.to(next(self.network.parameters()).device)
            made = self.network(grey if self.name == INCEPTION else _enlarged(grey))
            vectors = _pooled(made, self.pooling).reshape(len(pixels), -1)
            result: NDArray[np.float32] = vectors.cpu().numpy()
        return result


FORMAT = 1
"""Raised when the same weights give other features than before, so that caches are left alone."""


def extractor(options: FeatureOptions, *, owner: str = "EVALUATOR") -> Extractor:
    """Return a network with its weights: of the file named, downloaded before, or downloaded now.

    Args:
        options: Which network, layer, pooling and weights.
        owner: The evaluator's name, so that an error names its option.

    Raises:
        IncompatiblePluginError: torch or torchvision is not installed.
        NotFoundError: No such file.
        NetworkError: No weights are here and none can be downloaded.
        IntegrityError: The file holds something else, or weights of another network.
    """
    layer = options.chosen_layer
    if options.network == INCEPTION:
        return _inception(weights_file(options, owner), layer)
    with torch.device("meta"):
        network = _BUILD[options.network](layer)
    if options.random:
        weights = "random"
        fill_randomly(network)
    else:
        file = weights_file(options, owner)
        weights = sha256(file)
        load_weights(network, file, options.network)
    pooling = "none" if layer.startswith("fc") else options.pooling
    return Extractor(options.extractor, layer, pooling, weights, _placed(_of_grey(network)))


def _inception(file: Path, layer: str) -> Extractor:
    from brainzoo.evaluating.inception import Inception

    return Extractor(INCEPTION, layer, "none", sha256(file), _placed(Inception(file)))


def _placed(network: nn.Module) -> nn.Module:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = network.eval().requires_grad_(False).to(device)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


class GreyFirst(nn.Module):
    """The first convolution for one channel: exactly what three equal, normalised ones would give.

    Normalisation is linear, so its scale goes into the weight. Its shift becomes a map that is
    added: the padding adds zeros after normalising, so that the shift is less near the edges.

    Args:
        first: The convolution of normalised colours.
    """

    black: torch.Tensor

    def __init__(self, first: nn.Conv2d) -> None:
        super().__init__()
        std = torch.tensor(STD).view(1, 3, 1, 1)
        self._colours = first
        self.weight = nn.Parameter((first.weight / std).sum(1, keepdim=True))
        self.register_buffer("black", -torch.tensor(MEAN).view(1, 3, 1, 1) / std.view(1, 3, 1, 1))
        self._size: tuple[int, ...] = ()  # of the images that the shift below is for
        self._shift = self.black

    def forward(self, grey: torch.Tensor) -> torch.Tensor:
        """Return the convolution's map of ``(batch, 1, height, width)`` in [0, 1]."""
        made = conv2d(grey, self.weight, None, self._colours.stride, self._colours.padding)
        if self._size != tuple(grey.shape[2:]):
            self._size = tuple(grey.shape[2:])
            self._shift = self._colours(self.black.expand(1, 3, *self._size))
        return made.add_(self._shift)


def _vgg16(layer: str) -> nn.Sequential:
    whole = import_torchvision().models.vgg16(weights=None)
    if layer in CUTS:
        return _row(features=whole.features[: CUTS[layer]])
    vectors = whole.classifier[: {"fc6": 2, "fc7": 5}[layer]]
    return _row(
        features=whole.features, avgpool=whole.avgpool, flatten=nn.Flatten(), classifier=vectors
    )


def _squeezenet(layer: str) -> nn.Sequential:
    whole = import_torchvision().models.squeezenet1_1(weights=None)
    return _row(features=whole.features[: CUTS[layer]])


def _resnet50(layer: str) -> nn.Sequential:
    whole = import_torchvision().models.resnet50(weights=None)
    stages = [f"layer{i}" for i in range(1, int(layer[-1]) + 1)]
    return _row(
        **{name: getattr(whole, name) for name in ["conv1", "bn1", "relu", "maxpool", *stages]}
    )


_BUILD = {"vgg16": _vgg16, "squeezenet": _squeezenet, "resnet50": _resnet50}


def _row(**parts: nn.Module) -> nn.Sequential:
    """Return modules in a row, under the names that torchvision's weights have."""
    return nn.Sequential(OrderedDict(parts))


def _of_grey(network: nn.Sequential) -> nn.Sequential:
    """Replace the first convolution by one for grey images."""
    found = (name for name, part in network.named_modules() if isinstance(part, nn.Conv2d))
    above, _, name = next(found).rpartition(".")
    parent = network.get_submodule(above)
    setattr(parent, name, GreyFirst(getattr(parent, name)))
    return network


def _enlarged(grey: torch.Tensor) -> torch.Tensor:
    shorter = min(grey.shape[2:])
    if shorter < LEAST_SIDE:
        sides = [round(side * LEAST_SIDE / shorter) for side in grey.shape[2:]]
        grey = interpolate(grey, size=sides, mode="bilinear", align_corners=False)
    return grey.contiguous(memory_format=torch.channels_last)


def _pooled(made: torch.Tensor, pooling: str) -> torch.Tensor:
    if made.ndim == 2:
        return made
    mean = made.mean((2, 3))
    return mean if pooling == "mean" else torch.cat([mean, made.amax((2, 3))], 1)
