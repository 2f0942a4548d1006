"""Reading a checkpoint folder without trusting it: files, configuration, weights."""

from __future__ import annotations

import hashlib
import math
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.checkpoint import config as configs
from brainzoo.checkpoint.names import CONFIG, MAX_BYTES, REQUIRED, VERDICT, WEIGHTS
from brainzoo.checkpoint.weights_file import read_arrays, read_header
from brainzoo.common.errors import (
    DataError,
    IncompatiblePluginError,
    IntegrityError,
    MemoryShortError,
    NotFoundError,
    OptionError,
)
from brainzoo.common.files import read_json, sha256
from brainzoo.common.hardware import free_memory
from brainzoo.common.strict import plain_json, printable

AGAIN = "Fetch the checkpoint again."


def learned_from(trained_on: Mapping[str, Any], subjects: Sequence[str]) -> set[str]:
    """Return those of ``subjects`` whom a model learned from; ``trained_on`` is of its config."""
    salt, seen = trained_on["salt"], set(trained_on["subjects_sha256"])
    return {s for s in subjects if hashlib.sha256(f"{salt}{s}".encode()).hexdigest() in seen}


def expect_own_people(trained_on: Mapping[str, Any], subjects: Sequence[str], who: str) -> None:
    """Refuse a model, which ``who`` names, that has seen people besides ``subjects``.

    Others may be among those who test what is trained.
    """
    for seen in _lineage(trained_on):
        if others := len(seen["subjects_sha256"]) - len(learned_from(seen, subjects)):
            raise DataError(
                f"{who} was trained on {others} people who are not among the "
                f"{len(set(subjects))} to train on: they may be in the test set.",
                "Train both on the same data with the same --data.split-seed.",
            )


def expect_unseen(trained_on: Mapping[str, Any], subjects: Sequence[str]) -> None:
    """Refuse to go on from a model that has seen one of ``subjects``, who are to judge the next."""
    for seen in _lineage(trained_on):
        if known := learned_from(seen, subjects):
            raise DataError(
                f"--start was trained on {len(known)} of the {len(subjects)} validation and test "
                "people.",
                "Divide people as it was: --data.split-seed, --data.split-fractions.",
            )


def expect_taught(trained_on: Mapping[str, Any], subjects: Sequence[str]) -> None:
    """Refuse to go on with a teacher, which keeps ``subjects`` unseen, from who has seen them."""
    for seen in _lineage(trained_on):
        if "teacher" not in seen and (known := learned_from(seen, subjects)):
            raise OptionError(
                f"--start has seen {len(known)} of the people whom --teacher is there to hide.",
                "Start from a model that learned with a teacher, or add --teacher ''.",
            )


def _lineage(trained_on: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield what a model learned from, then the models before it (``--start``)."""
    yield trained_on
    if "start" in trained_on:
        yield from _lineage(trained_on["start"])


def folder_of(path: Path) -> Path:
    """Return the folder of a checkpoint: ``path``, or its ``checkpoint/`` if that is a run."""
    for folder in (path / "checkpoint", path):
        if os.path.lexists(folder / CONFIG):
            return folder
    raise NotFoundError(f"{path} is not a checkpoint, nor a run that holds one.")


def check(folder: Path) -> dict[str, Any]:
    """Check all of a checkpoint that can be checked without its plugin, and return its config.

    Files, their names and sizes, the configuration, and the header of the weights; not the digest
    of the weights, which :func:`read_weights` compares. Errors are those of :func:`read_config`.
    """
    config = read_config(folder)
    for name, why in odd_files(folder):
        raise IntegrityError(f"{printable(str(folder / name))[:300]} {why}.", AGAIN)
    for name in REQUIRED:
        if not (folder / name).is_file():
            raise IntegrityError(f"{folder} lacks {name}.", AGAIN)
    header = read_header(folder / WEIGHTS)
    found = (len(header), sum(math.prod(shape) for _, shape in header.values()))
    stated = (config["weights"]["tensors"], config["weights"]["parameters"])
    if found != stated:
        raise IntegrityError(
            f"{folder / WEIGHTS} holds {found[0]} tensors of {found[1]} numbers; {CONFIG} says "
            f"{stated[0]} of {stated[1]}.",
            AGAIN,
        )
    return config


def expect_sound(folder: Path, what: str) -> dict[str, Any]:
    """Check that all files agree, the digest of the weights too, and return the configuration.

    ``what`` is how an IntegrityError calls the checkpoint.
    """
    try:
        config = check(folder)
        if config["weights"]["sha256"] != sha256(folder / WEIGHTS):
            raise IntegrityError(f"{CONFIG} names other weights than {WEIGHTS}.")
    except IntegrityError as error:
        message = error.message.replace(f"{folder}/", "")
        raise IntegrityError(f"{what} is not a sound checkpoint: {message}") from error
    return config


def privacy_of(folder: Path) -> str:
    """Return what the privacy verdict of a sound checkpoint says; only its outcome is read."""
    path = folder / VERDICT
    if not path.is_file():
        return "not audited"
    found = read_json(path)
    if found.get("passed") is True:
        return "passed"
    return "failed" if found.get("reasons") else "undecided"


def odd_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the files that no checkpoint has, links, and files that are too large, and why."""
    for path in sorted(folder.iterdir()):
        found = path.lstat()
        if path.name not in MAX_BYTES:
            yield path.name, "is not a file of a checkpoint; remove it"
        elif not stat.S_ISREG(found.st_mode):
            yield path.name, "is not a plain file, but a link or folder"
        elif found.st_size > MAX_BYTES[path.name]:
            yield (
                path.name,
                f"has {found.st_size} bytes; at most {MAX_BYTES[path.name]} are allowed",
            )


def read_config(folder: Path) -> dict[str, Any]:
    """Read and check ``config.json`` of a checkpoint folder.

    Raises:
        NotFoundError: No checkpoint there.
        IntegrityError: It is damaged, or is not what :mod:`brainzoo.checkpoint.config` wants.
        IncompatiblePluginError: It is of a later format.
    """
    path = folder / CONFIG
    try:
        kind = path.lstat().st_mode
    except (OSError, ValueError):
        raise NotFoundError(f"{folder} is not a checkpoint: it has no {CONFIG}.") from None
    if not stat.S_ISREG(kind):
        raise IntegrityError(f"{path} is not a plain file, but a link or folder.", AGAIN)
    with path.open("rb") as file:
        content = file.read(MAX_BYTES[CONFIG] + 1)
    if len(content) > MAX_BYTES[CONFIG]:
        raise IntegrityError(f"{path} is over {MAX_BYTES[CONFIG]} bytes, too large.", AGAIN)
    try:
        config = plain_json(content)
    except ValueError as error:
        raise IntegrityError(f"{path} is corrupt: {error}.", AGAIN) from None
    if not isinstance(config, dict) or type(config.get("format")) is not int:
        raise IntegrityError(f"{path} is not a checkpoint's configuration.", AGAIN)
    if config["format"] > configs.FORMAT:
        found = str(config["format"])[:12]
        raise IncompatiblePluginError(
            f"{folder} is of format {found}; this version reads up to {configs.FORMAT}.",
            "Try: pip install --upgrade brainzoo-core",
        )
    if problem := configs.problem(config):
        raise IntegrityError(f"{path} is damaged: {problem}.", AGAIN)
    return config


def read_weights(folder: Path) -> dict[str, NDArray[Any]]:
    """Read the weights of a checkpoint, compared with the digest in its configuration.

    Float16 comes as the float32 that networks compute in.

    Raises:
        IntegrityError: They are damaged, of another format, not those of ``config.json``, or not
            all finite.
        MemoryShortError: The machine has too little free memory.
    """
    config = read_config(folder)
    path, free = folder / WEIGHTS, free_memory()
    needed = 2 * path.stat().st_size if path.is_file() else 0  # as read, and as loaded
    if free is not None and needed > free:
        raise MemoryShortError(
            f"the weights in {folder} need {needed / 1e9:.1f} GB of memory; {free / 1e9:.1f} GB "
            "are free.",
            "Close other programs, or use a larger machine.",
        )
    arrays = {
        name: array.astype(np.float32) if array.dtype == np.float16 else array
        for name, array in read_arrays(path, sha256=str(config["weights"]["sha256"])).items()
    }
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise IntegrityError(f"weight {name!r} holds numbers that are NaN or infinite.", AGAIN)
    return arrays


def makes(config: Mapping[str, Any]) -> str:
    """Say what a checkpoint makes: ``T1w slices of 64 × 64``."""
    spatial = config["images"]["spatial"]
    kind = "slices" if len(spatial) == 2 else "volumes"
    channels = " + ".join(config["preprocessing"].get("channels") or ["MRI"])
    return f"{channels} {kind} of {' × '.join(map(str, spatial))}"
