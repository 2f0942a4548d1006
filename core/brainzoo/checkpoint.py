"""The checkpoint folder: what can be published, and how it is written, read and verified.

``model.safetensors config.json README.md metrics.json samples.png LICENSE``. A checkpoint names a
plugin, never an import path: only an installed entry point may answer. It carries the preparation
of its training data, salted hashes of the training subjects, and the digest of reference samples.
No torch here: weights are numpy arrays.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from brainzoo.classes import public_expression
from brainzoo.errors import (
    DataError,
    IncompatiblePluginError,
    IntegrityError,
    NotFoundError,
)
from brainzoo.files import new_folder, sha256
from brainzoo.images import Images
from brainzoo.interfaces import Generator
from brainzoo.model_card import model_card
from brainzoo.options import plain
from brainzoo.pictures import grid, png_bytes
from brainzoo.plugins import plugins
from brainzoo.tables import counts
from brainzoo.weights_file import read_arrays, write_arrays

FORMAT = 1
REFERENCE_SAMPLES = {2: 16, 3: 2}
"""How many samples are kept for verification, by spatial rank: pictures are small, volumes not."""
TOLERANCE = 2 / 255
"""How far a reference sample may differ on other hardware: summation orders differ."""

_DESCRIBES_IMAGES = (
    "modality",
    "dims",
    "plane",
    "spacing_mm",
    "affine",
    "orientation",
    "value_range",
    "preparation",
)


def describe_training(images: Images) -> dict[str, Any]:
    """Return what a checkpoint keeps of its training images; nothing that names a subject.

    Returns:
        ``images`` (what the generator must know: shape, classes, their shares), ``preprocessing``
        and ``trained_on`` (source, licence, numbers, salted hashes of subject ids).
    """
    salt = secrets.token_hex(16)
    shares = counts(images.column("class")) if images.classes else {}
    return {
        "images": {
            "channels": images.channels,
            "spatial": list(images.spatial),
            "classes": images.classes,
            "class_shares": [shares.get(n, 0) / max(1, len(images)) for n in images.classes],
        },
        "preprocessing": {k: images.info[k] for k in _DESCRIBES_IMAGES if k in images.info},
        "trained_on": {
            "dataset": dict(images.info.get("source", {})),
            "class_expressions": {
                name: public_expression(text)
                for name, text in images.info.get("class_expressions", {}).items()
            },
            "n_subjects": len(images.subjects()),
            "n_images": len(images),
            "split": images.info.get("split", {}),
            "salt": salt,
            "subjects_sha256": sorted(
                hashlib.sha256(f"{salt}{name}".encode()).hexdigest() for name in images.subjects()
            ),
        },
    }


def write(
    folder: Path,
    generator: Generator,
    *,
    plugin: str,
    weights: Mapping[str, NDArray[Any]],
    training: Mapping[str, Any],
) -> None:
    """Write a generator as a checkpoint folder, replacing none.

    Args:
        folder: The new folder.
        generator: Trained; its reference samples are drawn here.
        plugin: The name under which an installed plugin offers it, for example ``"dcgan"``.
        weights: Arrays by name; types float32, float16 or integers.
        training: What :func:`describe_training` returned when it was trained.

    Raises:
        ExistsError: The folder is already there.
        DiskError: The disk is full; nothing is left behind.
    """
    origin = plugins().of("generator", plugin)
    reference = _reference(generator, REFERENCE_SAMPLES[len(training["images"]["spatial"])])
    with new_folder(folder) as temporary:
        model = temporary / "model.safetensors"
        model.write_bytes(write_arrays(weights))
        config = {
            "format": FORMAT,
            "plugin": {
                "name": plugin,
                "distribution": origin.distribution,
                "version": origin.version,
                "requires": f"~={'.'.join(origin.version.split('.')[:2])}.0",
            },
            "hyperparameters": plain(generator.config),
            **training,
            "weights": {
                "sha256": sha256(model),
                "tensors": len(weights),
                "parameters": int(sum(array.size for array in weights.values())),
            },
            "verify": {
                "seed": 0,
                "n": len(reference),
                "sha256": hashlib.sha256(_eight_bit(reference).tobytes()).hexdigest(),
                "tolerance": TOLERANCE,
            },
        }
        (temporary / "config.json").write_text(json.dumps(config, indent=2, allow_nan=False))
        (temporary / "metrics.json").write_text(json.dumps({"evaluators": {}}, indent=2))
        (temporary / "samples.png").write_bytes(png_bytes(grid(reference, columns=8)))
        (temporary / "reference.npy").write_bytes(_npy(_eight_bit(reference)))
        (temporary / "README.md").write_text(model_card(config), encoding="utf-8")
        source = training["trained_on"]["dataset"]
        (temporary / "LICENSE").write_text(
            f"The weights were trained on {source.get('name', 'unknown data')}, whose licence is:\n"
            f"{source.get('license', 'unknown')}\n{source.get('url', '')}\n",
            encoding="utf-8",
        )


def read_config(folder: Path) -> dict[str, Any]:
    """Read and check ``config.json`` of a checkpoint folder.

    Raises:
        NotFoundError: There is no checkpoint there.
        IntegrityError: It is damaged, or lacks what every checkpoint has.
        IncompatiblePluginError: It is of a later format.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise NotFoundError(f"{folder} is no checkpoint: it has no config.json.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise IntegrityError(f"{path} is corrupt: {error}.") from None
    wanted = ("plugin", "hyperparameters", "images", "preprocessing", "trained_on", "weights")
    if not isinstance(config, dict) or not isinstance(config.get("format"), int):
        raise IntegrityError(f"{path} is no checkpoint's configuration.")
    if config["format"] > FORMAT:
        raise IncompatiblePluginError(
            f"{folder} is of format {config['format']}; this version reads up to {FORMAT}.",
            "Try: pip install --upgrade brainzoo",
        )
    missing = [name for name in wanted if not isinstance(config.get(name), dict)]
    if missing:
        raise IntegrityError(f"{path} lacks {', '.join(missing)}.")
    return config


def read_weights(folder: Path) -> dict[str, NDArray[Any]]:
    """Read the weights of a checkpoint, compared with the digest in its configuration.

    Raises:
        IntegrityError: They are damaged, of another format, or not those of ``config.json``.
    """
    config = read_config(folder)
    path = folder / "model.safetensors"
    return read_arrays(path, sha256=str(config["weights"].get("sha256")))


def load(folder: Path | str) -> Generator:
    """Load a trained generator from a checkpoint folder, or from the run that holds one.

    Raises:
        NotFoundError: There is none.
        UnknownPluginError: The plugin that made it is not installed.
        IncompatiblePluginError: It is installed in a version that the checkpoint is not made for.
        IntegrityError: It is damaged.
    """
    folder = Path(folder)
    if (folder / "checkpoint" / "config.json").is_file():
        folder = folder / "checkpoint"
    name = read_config(folder)["plugin"].get("name")
    if not isinstance(name, str):
        raise IntegrityError(f"{folder}/config.json names no plugin.")
    installed = plugins().of("generator", name)
    requires = str(read_config(folder)["plugin"].get("requires", ""))
    try:
        fits = installed.version in SpecifierSet(requires)
    except InvalidSpecifier:
        raise IntegrityError(f"{folder}/config.json requires the version {requires!r}.") from None
    if not fits:
        raise IncompatiblePluginError(
            f"{folder} requires {installed.distribution}{requires}, found {installed.version}.",
            f"Try: pip install '{installed.distribution}{requires}'",
        )
    loaded: Generator = plugins().load("generator", name).load(folder)
    return loaded


def expect_plugin(folder: Path, plugin: str) -> dict[str, Any]:
    """Return the configuration of a checkpoint that must be of a certain plugin.

    Raises:
        IncompatiblePluginError: It is of another one.
    """
    config = read_config(folder)
    found = config["plugin"].get("name")
    if found != plugin:
        raise IncompatiblePluginError(
            f"{folder} is a checkpoint of {found!r}; expected one of {plugin!r}.",
            "Load it with brainzoo.load, which finds the right plugin.",
        )
    return config


@dataclasses.dataclass(frozen=True)
class Verification:
    """Whether a checkpoint still makes the samples that it made when it was written."""

    exact: bool
    largest_difference: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Exact, or within the tolerance."""
        return self.exact or self.largest_difference <= self.tolerance


def verify(folder: Path) -> Verification:
    """Sample the stored seed and compare with the stored reference samples.

    Raises:
        IntegrityError: The checkpoint is damaged or holds no reference.
    """
    wanted = read_config(folder).get("verify", {})
    reference_path = folder / "reference.npy"
    try:
        stored = np.load(reference_path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise IntegrityError(f"{folder} holds no readable reference samples: {error}.") from None
    if hashlib.sha256(stored.tobytes()).hexdigest() != wanted.get("sha256"):
        raise IntegrityError(f"{reference_path} does not match the digest in config.json.")
    made = _eight_bit(_reference(load(folder), len(stored)))
    if made.shape != stored.shape:
        raise IntegrityError(f"found samples of shape {made.shape}; expected {stored.shape}.")
    difference = float(np.abs(made.astype(np.int16) - stored.astype(np.int16)).max()) / 255
    exact = bool((made == stored).all())
    # The folder may state a stricter tolerance than ours, never a wider one.
    return Verification(exact, difference, min(float(wanted.get("tolerance", 1)), TOLERANCE))


def _reference(generator: Generator, n: int) -> NDArray[np.float32]:
    pixels = np.concatenate(list(generator.sample(n, seed=0)))
    if not np.isfinite(pixels).all():
        raise DataError(
            "the model's samples are not finite; it is not saved.",
            "Training diverged: lower the learning rate, or use --precision fp32.",
        )
    return pixels


def _eight_bit(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)


def _npy(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    np.save(out, pixels, allow_pickle=False)
    return out.getvalue()
