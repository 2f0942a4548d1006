"""What a run would take: ``brainzoo plan`` and ``--dry-run``.

A few scans are prepared and a few steps are trained at parts of the budget; their times are scaled.
How long evaluators, exporters and the report take is not known beforehand and left out.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

from brainzoo.common import console
from brainzoo.common.errors import BrainzooError, DataError
from brainzoo.common.hardware import free_memory
from brainzoo.common.processes import cores, new_processes, starting
from brainzoo.data.images import Images
from brainzoo.data.subjects import Subject
from brainzoo.plugin.manager import Plugins
from brainzoo.plugin.run import TrainConfig
from brainzoo.preparation.config import PrepareConfig
from brainzoo.runs.planning.rehearsal import StandIn, rehearse
from brainzoo.runs.record import to_record
from brainzoo.runs.settings import Settings

ROWS = 64
"""Rows of the stand-in for images that are not prepared yet."""
SCANS = 4
"""Scans that are prepared to find out how long it takes; the first one is not timed."""
SECONDS = 2.5
"""How long training is tried at each part of the budget; longer where steps take longer."""
GRID = 64
"""Images of a sample grid."""


def plan(plugins: Plugins, settings: Settings) -> dict[str, Any]:
    """Return the resolved ``settings``, and what data, training and sampling would take.

    Nothing is written but temporary files.

    Raises:
        BrainzooError: The generator cannot make such images.
    """
    data, source, image_bytes = _data(plugins, settings)
    found: dict[str, Any] = {"settings": to_record(settings), "data": data}
    found |= _training(plugins, settings, source)
    parts = {name: found.get(name, {}).get("seconds") for name in ("data", "training", "sampling")}
    if None not in parts.values():
        found["seconds"] = {**parts, "total": round(sum(parts.values()), 1)}
    found["disk_mb"] = {
        "samples": _mb(settings.samples * image_bytes),
        **{
            name: found["training"][f"{name}_mb"]
            for name in ("state", "checkpoint")
            if f"{name}_mb" in found["training"]
        },
    }
    if "images" in data:
        found["disk_mb"]["prepared"] = _mb(data["images"] * image_bytes)
    return found


def _data(plugins: Plugins, settings: Settings) -> tuple[dict[str, Any], Path | StandIn, int]:
    """Return what is known of the data, images to train on, and the bytes of an image."""
    config = settings.prepare
    if config is None:
        images = Images.open(settings.data.name)
        return _known(images), Path(settings.data.name), images.floats([0]).nbytes // 2
    from brainzoo.preparation.prepare import folder_of, limited, prepared_already

    dataset = plugins.load("dataset", settings.data.name)(settings.data.config)
    stand_in = _stand_in(settings, config, [])
    image_bytes = 2 * config.size**config.dims
    try:
        subjects = limited(list(dataset.subjects()), config.max_subjects)
        there = prepared_already(dataset, config, name=settings.data.name, classes=settings.classes)
    except BrainzooError as error:
        return {"not here yet": str(error)}, stand_in, image_bytes
    if not subjects:
        raise DataError(f"dataset {settings.data.name!r} holds no scans.")
    counts = {"scans": len(subjects), "subjects": len({s.id for s in subjects})}
    if there is not None:
        folder = folder_of(settings.data.name, there.info["request"])
        return {**counts, **_known(there)}, folder, image_bytes
    stand_in = _stand_in(settings, config, subjects)
    return {**counts, **_preparing(config, subjects)}, stand_in, image_bytes


def _known(images: Images) -> dict[str, Any]:
    return {"images": len(images), "prepared": True, "seconds": 0.0}


def _preparing(config: PrepareConfig, subjects: Sequence[Subject]) -> dict[str, Any]:
    """Prepare a few scans, keep nothing, and return how long all would take."""
    from brainzoo.preparation.subject import prepare_subject
    from brainzoo.preparation.workers import POOL_FROM_SECONDS

    chosen = [subjects[i * (len(subjects) - 1) // SCANS] for i in range(SCANS)]
    seconds, images = [], []
    with console.progress("preparing a few scans", SCANS) as advance:
        for subject in chosen:
            started = time.perf_counter()
            images.append(len(prepare_subject(subject, config).rows))
            seconds.append(time.perf_counter() - started)
            advance(1)
    whole = sum(seconds[1:]) / (SCANS - 1) * len(subjects)
    if whole > POOL_FROM_SECONDS:
        whole /= min(cores(), 16)
    return {
        "images": round(sum(images) / SCANS * len(subjects)),
        "prepared": False,
        "seconds": round(whole, 2),
    }


def _training(plugins: Plugins, settings: Settings, source: Path | StandIn) -> dict[str, Any]:
    """Return what training and sampling take; from a process of its own, which may fail."""
    generator, train = settings.generator, settings.train
    kind = plugins.load("generator", generator.name)
    console.note("timing a few steps of training ...")
    try:
        with new_processes(1, threads=None, kill=True) as pool:
            with starting():
                future = pool.submit(rehearse, kind, generator, train, source, SECONDS)
            found = future.result()
    except (BrokenExecutor, RuntimeError, MemoryError) as error:
        short = isinstance(error, BrokenExecutor | MemoryError) or "memory" in str(error)
        if not short:
            raise
        text = f"it needs more memory than the {(free_memory() or 0) / 1e9:.1f} GB that are free"
        return {"training": {"not known": text}}
    if not found:
        return {"training": {"not known": f"{generator.name} trains in its own way"}}
    seen, seconds = _scaled(train, [stage["images_per_second"] for stage in found["stages"]])
    per_second = found["samples_per_second"]
    training = {
        "images": seen,
        "seconds": round(seconds + (train.grids + 1) * GRID / per_second, 1),
        "stages": found["stages"],
        **{f"{name}_mb": _mb(found[name]) for name in ("memory", "state", "checkpoint")},
    }
    sampling = {
        "images": settings.samples,
        "images_per_second": per_second,
        "seconds": round(settings.samples / per_second, 1),
    }
    return {"training": training, "sampling": sampling}


def _scaled(train: TrainConfig, rates: Sequence[float]) -> tuple[int, float]:
    """Return the images and the seconds of a budget whose parts have these images per second."""
    parts = len(rates)
    by_images = (train.images or 0, sum((train.images or 0) / parts / rate for rate in rates))
    if train.minutes is None:
        return by_images
    seconds = 60 * train.minutes
    by_time = (round(sum(seconds / parts * rate for rate in rates)), seconds)
    return by_time if train.images is None else min(by_images, by_time)


def _stand_in(settings: Settings, config: PrepareConfig, subjects: Sequence[Subject]) -> StandIn:
    """Return noise of the right shape with real subjects' covariates."""
    classes = list(settings.classes)
    unknown = [
        Subject(f"{i}", {}, covariates={"age": 20.0 + i, "sex": "FM"[i % 2]}) for i in range(ROWS)
    ]
    table = [
        {
            **subject.covariates,
            "image_id": f"{index}",
            "subject": subject.id,
            "class": classes[index % len(classes)] if classes else None,
        }
        for index, subject in enumerate((subjects or unknown)[:ROWS])
    ]
    return StandIn(table, (1, *[config.size] * config.dims), {"classes": classes})


def _mb(size: float) -> float:
    return round(float(size) / 1e6, 1)
