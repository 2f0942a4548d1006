"""From a bundle's folder to what a checkpoint holds: weights as arrays, and their description."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from brainzoo.api import IntegrityError
from brainzoo_monai.bundle import read_folder, validated
from brainzoo_monai.conditions import described
from brainzoo_monai.definitions import Bundle
from brainzoo_monai.networks import build
from brainzoo_monai.weights import fitted, read_file, scale_factor, tensors_of

UNKNOWN = "unknown: see the bundle"


@dataclasses.dataclass(frozen=True)
class Converted:
    """What :func:`brainzoo.checkpoint.write` needs, and the text of the licence."""

    weights: dict[str, NDArray[Any]]
    description: dict[str, Any]
    licence: str


def read(source: Path, about: Mapping[str, Any]) -> Converted:
    """Read and check all of a bundle.

    Args:
        source: Its folder.
        about: What the registry knows (``name``, ``people``, ``dataset``, ``n_subjects``,
            ``files``), or nothing.

    Raises:
        NotFoundError: A file is missing.
        IntegrityError: It holds what is not known, or not safe.
    """
    found = read_folder(source)
    bundle, weights = found.bundle, dict[str, NDArray[Any]]()
    for part, path in (("autoencoder", found.autoencoder), ("diffusion", found.diffusion)):
        with torch.device("meta"):
            network = build(getattr(bundle, part))
        content = read_file(path, network)
        if part == "diffusion" and bundle.maisi:
            bundle = bundle.model_copy(update={"scale_factor": scale_factor(content, path.name)})
        arrays = fitted(network, tensors_of(content, path.name), path.name, old=found.old)
        weights |= {f"{part}.{name}": array for name, array in arrays.items()}
    if bundle.autoencoder.out_channels != 1:
        raise IntegrityError("the bundle makes images of several channels, which is not known.")
    values = bundle.model_dump(mode="json") | {"origin": list(about.get("files", ()))}
    bundle = validated(Bundle, values, "the bundle")
    dataset = {"license": UNKNOWN, **found.data, **about.get("dataset", {})}
    return Converted(
        weights,
        _description(bundle, found.channel, dataset, about),
        _licence(source, dataset, about),
    )


def _description(
    bundle: Bundle, channel: str, dataset: Mapping[str, Any], about: Mapping[str, Any]
) -> dict[str, Any]:
    people = int(about.get("n_subjects", 0))
    return {
        "images": {
            "channels": 1,
            "spatial": list(bundle.size),
            "classes": [],
            "class_shares": [],
        },
        "preprocessing": {
            "channels": [channel],
            "dims": 3,
            "spacing_mm": list(bundle.spacing_mm),
            "orientation": "RAS",
        },
        "trained_on": {
            "dataset": {**dataset, "simulated": False},
            "class_expressions": {},
            "n_subjects": people,
            "n_images": people,
            "fingerprint": "",
            "split": {},
            "salt": "",
            "subjects_sha256": [],
        },
        "conditions": described(bundle),
        "bundle": bundle.model_dump(mode="json"),
    }


def _licence(source: Path, dataset: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the bundle's own licence where it has one, after whose weights these are."""
    path = source / "LICENSE"
    own = ""
    if path.is_file() and not path.is_symlink() and path.stat().st_size < 500_000:
        own = path.read_text(encoding="utf-8", errors="replace")
    people = about.get("people", "the makers of the bundle")
    return (
        f"The weights are by {people}. Their licence: {dataset['license']}\n"
        f"{dataset.get('url', '')}\n\n{own}"
    )
