"""Writing a checkpoint folder: its weights, what it keeps of its training images and command."""

from __future__ import annotations

import hashlib
import json
import secrets
import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.checkpoint.card import model_card
from brainzoo.checkpoint.config import (
    FORMAT,
    REFERENCE_SAMPLES,
    TOLERANCE,
    DescribedImages,
    problem,
)
from brainzoo.checkpoint.names import CARD, CONFIG, LICENCE, METRICS, REFERENCE, SAMPLES, WEIGHTS
from brainzoo.checkpoint.reading import read_config
from brainzoo.checkpoint.weights_file import write_arrays
from brainzoo.common.errors import BrainzooError, DataError, IntegrityError
from brainzoo.common.files import new_folder, sha256, write_text
from brainzoo.common.hardware import public_hardware
from brainzoo.data.classes import public_expression
from brainzoo.data.images import Images
from brainzoo.data.pictures import grid
from brainzoo.plugin.interfaces import Generator
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.options import plain, without_files
from brainzoo.plugin.run import read_record, trained

PATH_OPTIONS = ("--data.root", "--data.table", "--out", "--resume")
_DESCRIBES_IMAGES = (
    "channels",
    "labels",
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

    ``images`` (what the generator must know: shape, classes, their shares), ``preprocessing`` and
    ``trained_on`` (source, licence, numbers, fingerprint, salted hashes of subject ids). What a
    checkpoint could not say, a class of a long name for example, is a DataError.
    """
    salt = secrets.token_hex(16)
    shares = Counter(images.column("class"))
    found = {
        "images": {
            "channels": images.channels,
            "spatial": list(images.spatial),
            "classes": images.classes,
            "class_shares": [shares[n] / max(1, len(images)) for n in images.classes],
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
            "fingerprint": images.fingerprint,
            "split": images.info.get("split", {}),
            "salt": salt,
            "subjects_sha256": sorted(
                hashlib.sha256(f"{salt}{name}".encode()).hexdigest() for name in images.subjects()
            ),
        },
    }
    # Now, not after hours of training.
    if wrong := problem(json.loads(json.dumps(found)), DescribedImages):
        raise DataError(f"no checkpoint can describe these images: {wrong}.")
    return found


def describe_start(folder: Path) -> dict[str, Any]:
    """Return what a checkpoint keeps of the one whose weights its training began with."""
    config = read_config(folder)
    kept = ("dataset", "n_subjects", "n_images", "salt", "subjects_sha256", "teacher", "start")
    seen = {name: value for name, value in config["trained_on"].items() if name in kept}
    return {"checkpoint_sha256": config["weights"]["sha256"], **seen}


def write(
    folder: Path,
    generator: Generator,
    *,
    plugin: str,
    weights: Mapping[str, NDArray[Any]],
    training: Mapping[str, Any],
    verifiable: bool = True,
) -> None:
    """Write a trained generator as a checkpoint folder, replacing none.

    ``plugin`` is the name under which an installed plugin offers it, ``weights`` are arrays by name
    (of float32, float16 or integers), ``training`` is what :func:`describe_training` returned.
    Reference samples are drawn and kept if it is to be ``verifiable``; of a model by others they
    would not be its makers'.

    Raises:
        ExistsError: The folder is already there.
        DiskError: The disk is full; nothing is left behind.
    """
    origin = plugins().of("generator", plugin)
    kept = REFERENCE_SAMPLES[len(training["images"]["spatial"])]
    samples = generator.images(kept) if verifiable else None
    with new_folder(folder) as temporary:
        model = temporary / WEIGHTS
        model.write_bytes(write_arrays(weights))
        config = {
            "format": FORMAT,
            "plugin": {
                "name": plugin,
                "distribution": origin.distribution,
                "version": origin.version,
                "requires": f"~={'.'.join(origin.version.split('.')[:2])}.0",
            },
            "hyperparameters": plain(without_files(generator.config)),
            **training,
            "training": training_of(folder.parent),
            "weights": {
                "sha256": sha256(model),
                "tensors": len(weights),
                "parameters": int(sum(array.size for array in weights.values())),
            },
            "verify": None if samples is None else write_reference(temporary, samples),
        }
        text = json.dumps(config, indent=2, allow_nan=False)
        if wrong := problem(json.loads(text)):
            raise IntegrityError(f"this checkpoint could not be read again: {wrong}.")
        (temporary / CONFIG).write_text(text, encoding="utf-8")
        (temporary / METRICS).write_text(json.dumps({"evaluators": {}}, indent=2))
        (temporary / CARD).write_text(model_card(config, {}), encoding="utf-8")
        source = training["trained_on"]["dataset"]
        (temporary / LICENCE).write_text(
            f"The weights were trained on {source.get('name', 'unknown data')}, whose licence is:\n"
            f"{source.get('license', 'unknown')}\n{source.get('url', '')}\n",
            encoding="utf-8",
        )


def refresh_card(folder: Path) -> None:
    """Write ``README.md`` anew, with what ``metrics.json`` holds now."""
    try:
        metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        write_text(folder / CARD, model_card(read_config(folder), metrics["evaluators"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, BrainzooError):
            raise
        raise IntegrityError(f"{folder / METRICS} cannot be read: {error}.") from error


def training_of(run: Path) -> dict[str, Any] | None:
    """Return what made the weights, of the run folder that a checkpoint is written into.

    Nothing of it names folders or people. ``None`` outside of runs.
    """
    try:
        record = read_record(run)
    except BrainzooError:
        return None
    command = public_command(str(record.get("command") or ""))
    if not command:
        return None
    budgets = []
    for spent in record.get("earlier_budgets", ()):
        parts = [f"{spent['images']:,} images" if spent["images"] else ""]
        parts.append(f"{spent['minutes']:g} minutes" if spent["minutes"] else "")
        budgets.append(" or ".join(filter(None, parts)))
    return {
        "command": command,
        "earlier_budgets": budgets,
        "seed": int(record["train"].get("seed") or 0),
        "hardware": public_hardware() or None,
        "minutes": round(trained(run)[1] / 60, 1),
    }


def public_command(command: str, *, names: bool = False) -> str:
    """Return a command line for what is published: no folders, and no class that lists people.

    A path may name a person or a hospital: ``/home/jane/IXI`` becomes ``PATH``, or ``PATH/IXI``
    with ``names``. Empty if it cannot be divided into words.
    """

    def shown(flag: str, value: str) -> str:
        if flag == "--class":
            name, equals, expression = value.partition("=")
            return f"{name}{equals}{public_expression(expression)}"
        pathlike = any(mark in value for mark in "/\\") or value.startswith("~")
        if flag not in PATH_OPTIONS and not pathlike:
            return value
        last = PureWindowsPath(value).name if names else ""  # divides at both slashes
        return f"PATH/{last}".rstrip("/")

    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    public, flag = [], ""
    for word in words:
        if not word.startswith("-"):
            public.append(shown(flag, word))
            flag = ""
            continue
        flag, equals, value = word.partition("=")
        public.append(f"{flag}={shown(flag, value)}" if equals else word)
        flag = "" if equals else flag
    return command if public == words else shlex.join(public)


def write_reference(folder: Path, samples: NDArray[np.float32]) -> dict[str, Any]:
    """Write the samples of seed 0 that verify a checkpoint, and a picture; describe them."""
    pixels = eight_bit(samples)
    (folder / SAMPLES).write_bytes(grid(samples, columns=8))
    np.save(folder / REFERENCE, pixels, allow_pickle=False)
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    return {"seed": 0, "n": len(pixels), "sha256": digest, "tolerance": TOLERANCE}


def eight_bit(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return grey values of [0, 1] as 0 to 255."""
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
