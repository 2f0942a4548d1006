"""Weights of networks trained on ImageNet: from a file, or downloaded once and verified."""

# ruff: noqa: TID253 (imported by extractors only)

from __future__ import annotations

import hashlib
import importlib
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from brainzoo.api import IntegrityError, NetworkError, NotFoundError, home
from brainzoo.api import download as downloads
from brainzoo_metrics.options import FeatureOptions

TORCHVISION = "https://download.pytorch.org/models/"
FIDELITY = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
PUBLISHED: Mapping[str, str] = {
    "vgg16": TORCHVISION + "vgg16-397923af.pth",
    "squeezenet": TORCHVISION + "squeezenet1_1-b8a52dc0.pth",
    "resnet50": TORCHVISION + "resnet50-0676ba61.pth",
    "inception": FIDELITY + "weights-inception-2015-12-05-6726825d.pth",
}
"""Torchvision's files (``IMAGENET1K_V1``) and torch-fidelity's; their names end in the first digits
of their SHA-256."""

PATIENCE = downloads.Patience(timeout_s=10.0, attempts=2)
"""Enough for a slow server, and soon over where there is no internet."""

COUNTS = "num_batches_tracked"

_schemas: list[Any] = []  # torch forgets the operators of a library that is collected


def import_torchvision() -> ModuleType:
    """Import torchvision, also beside a torch without CUDA.

    The torchvision of PyPI fails to import beside a CPU build of torch ("operator torchvision::nms
    does not exist"): its compiled operators want CUDA libraries, and it describes two of them to
    torch before it looks. Its models need none, so the two are declared and the import repeated.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the image codecs, which are not needed either
            return _import("torchvision")
    except ImportError as error:
        raise NotFoundError(
            f"image features need torchvision, which cannot be imported: {error}.",
            "Install it with: pip install torchvision",
        ) from error


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    for module in [m for m in sys.modules if m.partition(".")[0] == name]:
        del sys.modules[module]
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        schema = f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(schema)  # type: ignore[no-untyped-call]
    _schemas.append(library)
    return importlib.import_module(name)


def weights_file(options: FeatureOptions, owner: str = "EVALUATOR") -> Path:
    """Return the file of a network's weights: the one named, one that is here, or a new download.

    Torch's own cache is looked into; downloads go to ``models`` below brainzoo's home. ``owner`` is
    the evaluator whose options these are; a generator's own options bear no name.
    """
    prefix = f"--{owner}." if owner else "--"
    if options.features_weights is not None:
        if not options.features_weights.is_file():
            raise NotFoundError(
                f"there is no file {options.features_weights}.",
                f"{prefix}features-weights names a file with the weights of {options.network}.",
            )
        return options.features_weights
    address = PUBLISHED[options.network]
    name = address.rpartition("/")[2]
    digits = Path(name).stem.rpartition("-")[2]
    of_torch = Path(torch.hub.get_dir()) / "checkpoints" / name
    if of_torch.is_file():
        return _verified(of_torch, digits)
    remote = downloads.Remote(name, (address,), sha256=digits)
    try:
        return _verified(downloads.download(remote, home() / "models", patience=PATIENCE), digits)
    except NetworkError as error:
        raise NetworkError(
            f"there are no weights of {options.network}: {error.message}",
            f"Name a file with {prefix}features-weights FILE."
            + (f" To try the command only: {prefix}extractor random-squeezenet." if owner else ""),
        ) from error


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verified(path: Path, digits: str) -> Path:
    found = sha256(path)
    if not found.startswith(digits):
        raise IntegrityError(
            f"{path} has the SHA-256 {found[:12]}…; expected {digits}….",
            "Remove it, then run the same command again.",
        )
    return path


def load_weights(network: nn.Module, path: Path, name: str) -> None:
    """Put the weights of a file into a network on the meta device that has torchvision's names.

    The file may be of the whole network or of its ``features``, with or without that prefix; what
    the network lacks is not looked at.
    """
    found, wanted = read_state(path), network.state_dict()
    if not any(key in found for key in wanted):
        found = {f"features.{key}": value for key, value in found.items()}
    # Counts of batches say nothing, and old files lack them.
    state = {k: torch.zeros((), dtype=v.dtype) for k, v in wanted.items() if k.endswith(COUNTS)}
    state |= {k: v.to(wanted[k].dtype) for k, v in found.items() if k in wanted}
    try:
        network.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise wrong_weights(path, f"torchvision's {name}", error) from error


def wrong_weights(path: Path, name: str, error: RuntimeError) -> IntegrityError:
    """Return the error for a file whose weights torch does not put into a network."""
    what = " ".join(str(error).split())[:160]
    return IntegrityError(f"{path.name} holds no weights of {name}: {what}", f"Expected {name}.")


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a file, all finite: safetensors, or ``torch.save``, weights-only."""
    try:
        with path.open("rb") as file:
            safetensors = file.read(9)[8:] == b"{"
        state = load_file(path) if safetensors else torch.load(path, "cpu", weights_only=True)
        wrong = [key for key, value in state.items() if not torch.isfinite(value).all()]
    except Exception as error:  # torch raises many kinds for what it cannot read
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise IntegrityError(
            f"{path.name} is neither safetensors nor plain weights of torch.save: {what[:100]}",
            "Expected a file of weights (a state dict).",
        ) from error
    if wrong:
        raise IntegrityError(f"{path.name}: {wrong[0]} holds values that are not finite.")
    return dict(state)


def fill_randomly(network: nn.Module, seed: int = 0) -> None:
    """Give a network on torch's device ``meta`` weights drawn as He et al. 2015 do, biases 0."""
    generator = torch.Generator().manual_seed(seed)
    network.to_empty(device="cpu")
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu", generator=generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
