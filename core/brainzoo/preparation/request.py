"""Recognises a request that has been prepared before, and tidies what a killed one left."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from brainzoo.common import console
from brainzoo.common.errors import IntegrityError, NotFoundError
from brainzoo.data.images import Images
from brainzoo.data.subjects import Subject
from brainzoo.plugin.interfaces import Dataset
from brainzoo.preparation.config import PrepareConfig
from brainzoo.preparation.steps import records_of

VERSION = 2
"""Raised whenever the same request would give other pixels: caches of before are not used."""

ABANDONED_SECONDS = 3600.0
"""A temporary folder that has not grown for so long was left by a killed process."""


def request_of(
    dataset: Dataset,
    name: str,
    config: PrepareConfig,
    expressions: Mapping[str, str],
    subjects: Sequence[Subject],
) -> str:
    """Return the SHA-256 of all that decides the result, without reading any scan."""
    text = json.dumps(
        [
            VERSION,
            name,
            [list(dataset.channels), sorted(dataset.label_names.items())],
            [dataset.license, dataset.citation, dataset.url, dataset.simulated],
            config.recorded,
            *records_of(config),
            list(expressions.items()),
            [_identity(subject) for subject in subjects],
        ],
        sort_keys=True,
        default=str,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _identity(subject: Subject) -> list[Any]:
    def stamp(source: Any) -> list[Any]:
        if not isinstance(source, Path):
            # A function without a key may return anything: never the same request twice.
            return [subject.key or f"{time.time_ns()}"] if source else []
        try:
            status = source.stat()
        except OSError:
            return [str(source.absolute())]  # reading it will say what is wrong
        return [str(source.absolute()), status.st_size, status.st_mtime_ns]

    images = [[channel, *stamp(source)] for channel, source in subject.images.items()]
    covariates = sorted(subject.covariates.items())
    who = [subject.id, subject.scan, subject.class_name, covariates]
    return [*who, images, stamp(subject.labels), stamp(subject.mask)]


def existing_images(folder: Path, request: str, *, cached: bool) -> Images | None:
    """Open the images of an equal request; a corrupt folder of the cache is removed."""
    try:
        images = Images.open(folder)
    except (IntegrityError, NotFoundError) as error:
        if cached and folder.exists():
            console.warn(f"{error.message} Making it again.")
            shutil.rmtree(folder, ignore_errors=True)
        return None
    return images if images.info.get("request") == request else None


def remove_abandoned(folder: Path) -> None:
    """Remove what killed attempts at writing ``folder`` left beside it."""
    for left in folder.parent.glob(f".{folder.name}.*.part"):
        with contextlib.suppress(FileNotFoundError):  # its writer ends at this moment
            made = left.stat().st_mtime
            newest = max((file.stat().st_mtime for file in left.rglob("*")), default=made)
            if time.time() - newest > ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
