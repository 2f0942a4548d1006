"""``prepare``: a dataset's scans become ``Images``, once; the same request again does no work."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from brainzoo.common import console
from brainzoo.common.errors import DataError, OptionError
from brainzoo.common.files import disk_errors
from brainzoo.common.home import home
from brainzoo.common.locks import locked
from brainzoo.common.processes import each
from brainzoo.data import classes as class_rules
from brainzoo.data.images import Images
from brainzoo.data.pixels import ImagesWriter
from brainzoo.data.splits import SPLITS, check_splits, split_of
from brainzoo.data.subjects import Subject, channels_of
from brainzoo.data.tables import RESERVED
from brainzoo.plugin.interfaces import Dataset
from brainzoo.preparation.config import PrepareConfig
from brainzoo.preparation.describe import understood
from brainzoo.preparation.grid import affine_of, orientation_of
from brainzoo.preparation.request import existing_images, remove_abandoned, request_of
from brainzoo.preparation.steps import records_of, steps_of
from brainzoo.preparation.subject import is_picture, nothing, picklable, prepare_subject

__all__ = ["PrepareConfig", "prepare"]


def prepare(
    dataset: Dataset,
    config: PrepareConfig,
    *,
    name: str,
    classes: Mapping[str, str] | None = None,
    out: Path | None = None,
    workers: int | None = None,
    quiet: bool = False,
) -> Images:
    """Make images of a dataset's scans, or open those of an earlier, equal request.

    Rows are ordered by split. Scans that cannot be used are left out, named in a warning and
    listed in ``images.json`` under ``failed``; if that is all of them, it is a DataError.

    ``classes`` are an expression by class name, for example ``{"young": "age < 35"}``; without any,
    those that the dataset itself assigns. ``out`` is the folder to write, in the cache if ``None``;
    ``workers`` are processes, ``None`` decides by the work, 1 stays in this process. ``quiet``
    prints no progress and no notes; warnings are printed.
    """
    note = (lambda text: None) if quiet else console.note
    steps_of(config)  # what is not installed is said before hours of download
    dataset.download()
    listed = limited(list(dataset.subjects()), config.max_subjects)
    if not listed:
        raise DataError(f"dataset {name!r} holds no scans.")
    for label, text in understood(dataset, listed, name):
        note(f"{label + ':':<12} {text}")
    subjects = _with_channels(dataset, listed, config)
    expressions = dict(classes or {})
    request = request_of(dataset, name, config, expressions, subjects)
    folder = out or folder_of(name, request)
    with disk_errors(folder), locked(folder) if out is None else nullcontext():
        found = existing_images(folder, request, cached=out is None)
        if found is not None:
            note(f"{_summary(found)}: prepared already in {folder}")
            return found
        remove_abandoned(folder)
        check_splits([s.id for s in subjects], config.split_seed, config.split_fractions)
        scans = _sorted_scans(subjects, config, expressions)
        outside = sum(scan.class_name is None for scan in scans)
        if expressions and outside:
            note(f"{outside} of {len(scans)} scans are in no class.")
        info = _info(dataset, name, config, expressions, scans, request)
        started = time.monotonic()
        shape, maps = (config.size,) * config.dims, "uint16" if "labels" in info else None
        writing = Images.write(
            folder, shape, info, len(info["channels"]), config.dtype, label_dtype=maps
        )
        with writing as writer:
            _write(writer, scans, config, info, workers, quiet)
        images = Images.open(folder)
        note(f"{_summary(images)}: prepared in {time.monotonic() - started:.1f} s in {folder}")
        return images


def prepared_already(
    dataset: Dataset, config: PrepareConfig, *, name: str, classes: Mapping[str, str]
) -> Images | None:
    """Open what an earlier, equal call of :func:`prepare` left in the cache; do no work."""
    listed = limited(list(dataset.subjects()), config.max_subjects)
    subjects = _with_channels(dataset, listed, config)
    request = request_of(dataset, name, config, classes, subjects)
    return existing_images(folder_of(name, request), request, cached=False)


def folder_of(name: str, request: str) -> Path:
    """Return the folder of the cache that a request is prepared in."""
    return home() / "prepared" / f"{name}-{request[:16]}"


def limited(subjects: list[Subject], most: int | None) -> list[Subject]:
    """Keep all scans of the first ``most`` subjects."""
    kept = set(list(dict.fromkeys(subject.id for subject in subjects))[:most])
    return [subject for subject in subjects if subject.id in kept]


def _with_channels(
    dataset: Dataset, subjects: Sequence[Subject], config: PrepareConfig
) -> list[Subject]:
    """Return the scans with all channels in one order, and with label maps if any has one.

    What a scan lacks is named by :func:`brainzoo.preparation.subject.nothing`, or the scan is left
    out, as ``config`` says. A channel that is nobody's is an OptionError.
    """
    known, channels = channels_of((), subjects), channels_of(dataset.channels, subjects)
    for channel in channels:
        if channel not in known:
            raise OptionError(
                f"no scan has the channel {channel!r}.", f"There are: {', '.join(known)}."
            )
    labelled = config.labels and any(subject.labels is not None for subject in subjects)
    kept = []
    for subject in subjects:
        images = {channel: subject.images.get(channel, nothing) for channel in channels}
        lacks = list(images.values()).count(nothing)
        if lacks < len(channels) and (not lacks or config.missing == "keep"):
            labels = (subject.labels or nothing) if labelled else None
            kept.append(dataclasses.replace(subject, images=images, labels=labels))
    if len(kept) < len(subjects) and len(channels) > 1:
        console.note(
            f"{len(subjects) - len(kept)} of {len(subjects)} scans lack one of "
            f"{', '.join(channels)} and are left out. --data.missing keep keeps them; "
            "--data.channels asks for fewer."
        )
    return kept


def _sorted_scans(
    subjects: Sequence[Subject], config: PrepareConfig, expressions: Mapping[str, str]
) -> list[Subject]:
    """Return the scans with their classes, those of each split together."""
    if expressions:
        rows = [{**s.covariates, "subject": s.id, "scan": s.scan} for s in subjects]
        names = class_rules.assign(rows, expressions)
        subjects = [
            dataclasses.replace(s, class_name=n) for s, n in zip(subjects, names, strict=True)
        ]
    return sorted(subjects, key=lambda s: SPLITS.index(_split(s, config)))


def _split(subject: Subject, config: PrepareConfig) -> str:
    return split_of(subject.id, config.split_seed, config.split_fractions)


def _write(
    writer: ImagesWriter,
    scans: Sequence[Subject],
    config: PrepareConfig,
    info: dict[str, Any],
    workers: int | None,
    quiet: bool,
) -> None:
    """Prepare and append every scan; completes ``info`` with what is known only afterwards."""
    spacings: set[tuple[float, ...]] = set()
    values: set[int] = set()
    kept: list[str] = []
    work = functools.partial(prepare_subject, config=config)
    with (
        closing(each(work, scans, workers if picklable(scans) else 1)) as results,
        console.progress("preparing scans", len(scans), hidden=quiet) as advance,
    ):
        for scan, made in zip(scans, results, strict=True):
            advance(1)
            label = f"{scan.id} {scan.scan}".strip()
            for warning in made.warnings:
                console.warn(f"{label}: {warning}.")
            if made.failure:
                console.warn(f"{label} is left out: {made.failure}")
                failed = {"subject": scan.id, "scan": scan.scan, "reason": made.failure}
                info["failed"].append(failed)
                continue
            kept.append(scan.id)
            split = _split(scan, config)
            first = {"subject": scan.id, "scan": scan.scan or None, "split": split}
            known = {k: v for k, v in scan.covariates.items() if k not in RESERVED}
            last = {"age": None, "sex": None, "site": None, **known}
            rows = [{**first, "class": scan.class_name, **row, **last} for row in made.rows]
            writer.append(made.pixels, rows, made.labels)
            spacings.add(tuple(round(value, 3) for value in made.pixel_mm))
            if made.labels is not None:
                values.update(np.unique(made.labels).tolist())
    if not kept:
        raise _unusable([failure["reason"] for failure in info["failed"]])
    if info["failed"]:
        check_splits(kept, config.split_seed, config.split_fractions)
    if len(spacings) > 1:
        console.warn(f"patches have {len(spacings)} different spacings; that of one is recorded.")
    if config.patch_size is not None:
        info["spacing_mm"] = list(min(spacings))
    if "labels" in info:
        names = {str(value): f"label {value}" for value in sorted(values - {0})}
        info["labels"] = {value: info["labels"].get(value, name) for value, name in names.items()}


def _unusable(failures: Sequence[str]) -> DataError:
    different = list(dict.fromkeys(failure.rstrip(".") for failure in failures))
    more = f"; and {len(different) - 3} more" if len(different) > 3 else ""
    return DataError(
        f"none of {len(failures)} scans can be used: {'; '.join(different[:3])}{more}.",
        "Check the files, or the options that chose them.",
    )


def _info(
    dataset: Dataset,
    name: str,
    config: PrepareConfig,
    expressions: Mapping[str, str],
    scans: Sequence[Subject],
    request: str,
) -> dict[str, Any]:
    """Return what ``images.json`` holds; ``failed`` is filled while the scans are prepared."""
    if any(map(is_picture, scans)):
        console.warn(f"pictures carry no spacing: {config.fov_mm:g} mm assumed across each.")
    own = sorted({scan.class_name for scan in scans if scan.class_name is not None})
    labels = {str(value): text for value, text in dataset.label_names.items() if value}
    return {
        "channels": list(scans[0].images),
        **({"labels": labels} if scans[0].labels else {}),
        "dims": config.dims,
        "plane": config.plane if config.dims == 2 else None,
        "spacing_mm": [config.pixel_mm] * config.dims,
        # Each patch of a slice lies elsewhere, in each scan: no one affine is true of them.
        "affine": None if config.patch_size is not None else affine_of(config),
        "orientation": orientation_of(config),
        "value_range": [0, 1],
        "source": {
            "name": name,
            "title": dataset.title,
            "license": dataset.license,
            "citation": dataset.citation,
            "url": dataset.url,
            "simulated": dataset.simulated,
        },
        "preparation": config.recorded,
        **({"steps": records_of(config)} if config.steps else {}),
        "classes": list(expressions) if expressions else own,
        "class_expressions": dict(expressions),
        "split": {"seed": config.split_seed, "fractions": list(config.split_fractions)},
        "failed": [],
        "request": request,
    }


def _summary(images: Images) -> str:
    size = " × ".join(map(str, images.spatial))
    return f"{len(images):,} images of {len(images.subjects()):,} subjects, {size}"
