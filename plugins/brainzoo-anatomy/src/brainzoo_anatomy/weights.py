"""MeshNet's weights as brainchop publishes them: TensorFlow.js layers, read strictly.

``model.json`` says which layers there are and where in ``model.bin`` their numbers stand;
``colormap.json`` names the classes. Nothing in them is executed, nothing is believed: only a chain
of dilated 3-D convolutions with ELU is understood, every size is computed from the layers and must
be the one written, and no more is read than that.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brainzoo.api import IntegrityError, NetworkError, NotFoundError, download, home

COMMIT = "4c87885f3a2a8835e260d521dcec922b58d91d41"
ADDRESS = f"https://raw.githubusercontent.com/neuroneural/brainchop/{COMMIT}/public/models/model30chan18cls/"
PUBLISHED: Mapping[str, tuple[str, int]] = {
    "model.json": ("d28521c0965e452c371314e4b5b4dcef7b19aa91241b17ef894ac24952139701", 28638),
    "model.bin": ("7039651d91c4cee0b7b1ddfe93fe2f5cb9b71d99f5a126fdef407e2a36bb52d4", 784152),
    "colormap.json": ("10ebff5980dd2afe1a1407dd951d1258dfc95fec51641bab9b4a9b88d76808c5", 608),
}
"""SHA-256 and bytes of neuroneural/brainchop's files (MIT licence)."""

PATIENCE = download.Patience(timeout_s=10.0, attempts=2)
MOST_BYTES = {"model.json": 2**20, "model.bin": 2**26, "colormap.json": 2**16}
EXPECTED = "Expected the files of brainchop's model30chan18cls."

Side = Annotated[int, Field(ge=1, le=64)]
Sides = Annotated[list[Side], Field(min_length=3, max_length=3)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Inbound = list[list[list[Any]]]
Kind = TypeVar("Kind", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _InputConfig(_Strict):
    name: Name
    dtype: Literal["float32"]
    batch_input_shape: Annotated[list[int | None], Field(min_length=5, max_length=5)]
    sparse: Literal[False] = False
    ragged: Literal[False] = False


class _ConvConfig(_Strict):
    name: Name
    trainable: bool
    filters: Annotated[int, Field(ge=1, le=256)]
    kernel_size: Sides
    strides: Sides
    dilation_rate: Sides
    padding: Literal["same"]
    data_format: Literal["channels_last"]
    activation: Literal["linear"]
    use_bias: Literal[True]
    dtype: Literal["float32"]


class _ActivationConfig(_Strict):
    name: Name
    trainable: bool
    dtype: Literal["float32"]
    activation: Literal["elu"]


class _Layer(_Strict):
    name: Name
    inbound_nodes: Inbound


class _Input(_Layer):
    class_name: Literal["InputLayer"]
    config: _InputConfig


class _Conv(_Layer):
    class_name: Literal["Conv3D"]
    config: _ConvConfig


class _Activation(_Layer):
    class_name: Literal["Activation"]
    config: _ActivationConfig


class _Chain(_Strict):
    name: Name
    layers: Annotated[
        list[Annotated[_Input | _Conv | _Activation, Field(discriminator="class_name")]],
        Field(min_length=2, max_length=64),
    ]
    input_layers: list[Any]
    output_layers: list[Any]


class _Functional(_Strict):
    class_name: Literal["Functional"]
    config: _Chain


class _Topology(_Strict):
    keras_version: str
    backend: str
    model_config_: _Functional = Field(alias="model_config")


class _Tensor(_Strict):
    name: Name
    shape: Annotated[list[Annotated[int, Field(ge=1, le=256)]], Field(min_length=1, max_length=5)]
    dtype: Literal["float32"]


class _Group(_Strict):
    paths: Annotated[list[Literal["model.bin"]], Field(min_length=1, max_length=1)]
    weights: Annotated[list[_Tensor], Field(max_length=128)]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)  # it holds remarks, too

    format: Literal["layers-model"]
    modelTopology: _Topology
    weightsManifest: Annotated[list[_Group], Field(min_length=1, max_length=1)]


class _Colours(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    labels: Annotated[list[Name], Field(min_length=2, max_length=256)]


@dataclasses.dataclass(frozen=True)
class Layer:
    """One convolution.

    Attributes:
        kernel: ``(out, in, *sides)``, float32, in torch's order.
        bias: ``(out,)``, float32.
        dilation: Distance of the voxels that it sees, in voxels.
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    dilation: int


@dataclasses.dataclass(frozen=True)
class Weights:
    """A whole network: convolutions with ELU between them, and what its classes are.

    Attributes:
        layers: In order; the last one has a class a channel.
        classes: Their names; 0 is background.
        sha256: Of the three files together.
    """

    layers: Sequence[Layer]
    classes: Sequence[str]
    sha256: str


def weights_folder(named: Path | None) -> Path:
    """Return the folder that was named, or one with what was downloaded and verified.

    Raises:
        NotFoundError: The folder named is not there, or lacks a file.
        NetworkError: There are none here, and they cannot be downloaded.
        IntegrityError: What is here is not what was published.
    """
    folder = named or home() / "models" / f"meshnet-{COMMIT[:12]}"
    if named is not None:
        missing = [name for name in PUBLISHED if not (named / name).is_file()]
        if missing:
            raise NotFoundError(
                f"there is no {missing[0]} in {named}.",
                f"--anatomy.weights names a folder with {', '.join(PUBLISHED)}.",
            )
        return folder
    for name, (digest, size) in PUBLISHED.items():
        remote = download.Remote(name, (ADDRESS + name,), sha256=digest, size=size)
        try:
            path = download.download(remote, folder, patience=PATIENCE, quiet=True)
        except NetworkError as error:
            raise NetworkError(
                f"there are no weights of MeshNet: {error.message}",
                "Connect once, or name a folder that holds them with --anatomy.weights.",
            ) from error
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise IntegrityError(
                f"{path} is not the file that was published.",
                "Remove it, then run the same command again.",
            )
    return folder


def read_weights(folder: Path) -> Weights:
    """Read the three files of a network.

    Raises:
        IntegrityError: A file is damaged, or says or holds what such a network does not have.
    """
    contents = {name: _bytes(folder / name) for name in PUBLISHED}
    model = _parsed(_Model, contents["model.json"], "model.json")
    classes = _parsed(_Colours, contents["colormap.json"], "colormap.json").labels
    chain = model.modelTopology.model_config_.config
    try:
        layers = _layers(_convolutions(chain), model.weightsManifest[0], contents["model.bin"])
    except ValueError as error:
        raise IntegrityError(f"MeshNet's weights: {error}.", EXPECTED) from error
    found = len(layers[-1].bias)
    if found != len(classes) or len(set(classes)) != len(classes):
        raise IntegrityError(
            f"colormap.json names {len(set(classes))} classes; the network has {found}.", EXPECTED
        )
    digest = hashlib.sha256(b"".join(hashlib.sha256(c).digest() for c in contents.values()))
    return Weights(tuple(layers), tuple(classes), digest.hexdigest())


def _bytes(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MOST_BYTES[path.name]:
        raise IntegrityError(
            f"{path.name} has {size:,} bytes; expected {MOST_BYTES[path.name]:,} at most.", EXPECTED
        )
    return path.read_bytes()


def _parsed(kind: type[Kind], content: bytes, name: str) -> Kind:
    try:
        return kind.model_validate(json.loads(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:120]
        raise IntegrityError(f"{name}: {place}: {first['msg']}.", EXPECTED) from error
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{name} is not JSON: {str(error)[:80]}.", EXPECTED) from error


def _convolutions(chain: _Chain) -> list[_ConvConfig]:
    """Return the convolutions of a network that is a chain: input, then each with its ELU."""
    if not isinstance(chain.layers[0], _Input):
        raise ValueError("the first layer is no input")
    for before, layer in zip(chain.layers, chain.layers[1:], strict=False):
        if layer.inbound_nodes != [[[before.name, 0, 0, {}]]]:
            raise ValueError(f"the layer {layer.name!r} does not follow {before.name!r} alone")
    convolutions = []
    for number, layer in enumerate(chain.layers[1:]):
        if isinstance(layer, _Conv) == bool(number % 2) or isinstance(layer, _Input):
            raise ValueError(f"the layer {layer.name!r} is out of turn")
        if isinstance(layer, _Conv):
            convolutions.append(layer.config)
    if not isinstance(chain.layers[-1], _Conv):
        raise ValueError("the last layer is no convolution")
    return convolutions


def _layers(convolutions: Sequence[_ConvConfig], group: _Group, content: bytes) -> list[Layer]:
    """Return each convolution's numbers, which stand in ``content`` one after the other."""
    shapes: list[tuple[str, list[int]]] = []
    channels = 1
    for one in convolutions:
        sides, dilations = set(one.kernel_size), set(one.dilation_rate)
        if sides not in ({1}, {3}) or len(dilations) > 1 or set(one.strides) != {1}:
            raise ValueError(f"{one.name!r} is no dilated convolution of side 1 or 3")
        shapes.append((f"{one.name}/kernel", [*one.kernel_size, channels, one.filters]))
        shapes.append((f"{one.name}/bias", [one.filters]))
        channels = one.filters
    written = [(tensor.name, tensor.shape) for tensor in group.weights]
    if written != shapes:
        wrong = next((w for w, s in zip(written, shapes, strict=False) if w != s), "their number")
        raise ValueError(f"the arrays listed are not those of the layers: {wrong}")
    sizes = [int(np.prod(shape)) for _, shape in shapes]
    if len(content) != 4 * sum(sizes):
        raise ValueError(f"model.bin has {len(content):,} bytes; expected {4 * sum(sizes):,}")
    numbers = np.frombuffer(content, "<f4")
    if not np.isfinite(numbers).all():
        raise ValueError("model.bin holds values that are not finite")
    parts = iter(np.split(numbers, np.cumsum(sizes)[:-1]))
    layers = []
    for one, (_, shape) in zip(convolutions, shapes[::2], strict=True):
        kernel = next(parts).reshape(shape).transpose(4, 3, 0, 1, 2)
        layers.append(Layer(np.ascontiguousarray(kernel), next(parts), one.dilation_rate[0]))
    return layers
