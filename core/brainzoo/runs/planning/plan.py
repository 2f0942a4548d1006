"""What a run would do and take, found without doing it: ``brainzoo plan`` and ``--dry-run``.

Memory is counted by running the generator's own steps in shapes only; time is measured, on a few
scans and a few steps of each stage of training. How long evaluators, exporters and the report
take is not known beforehand and left out.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from brainzoo.common import console
from brainzoo.common.errors import BrainzooError, DataError
from brainzoo.data.images import Images
from brainzoo.data.subjects import Subject
from brainzoo.plugin.interfaces import Generator
from brainzoo.plugin.manager import Plugins
from brainzoo.plugin.run import Run
from brainzoo.preparation.config import PrepareConfig
from brainzoo.runs.record import to_record
from brainzoo.runs.settings import Settings

ROWS = 64
"""Rows of the stand-in for images that are not prepared yet."""
SCANS = 4
"""Scans that are prepared to find out how long it takes; the first one is not timed."""
PNG_SHARE = 0.5
"""Bytes of a PNG file a grey pixel of head and background, about."""


def plan(plugins: Plugins, settings: Settings) -> dict[str, Any]:
    """Return the resolved ``settings``, and what data, training and sampling would take.

    Nothing is written.

    Raises:
        BrainzooError: The generator cannot make such images.
    """
    data, images = _data(plugins, settings)
    found: dict[str, Any] = {"settings": to_record(settings), "data": data}
    found |= _training(plugins, settings, images)
    parts = {
        "prepare": data.get("seconds"),
        "train": found["training"].get("seconds"),
        "sample": found.get("sampling", {}).get("seconds"),
    }
    if None not in parts.values():
        found["seconds"] = {**parts, "total": round(sum(parts.values()), 1)}
    reported = any(spec.name == "report" for spec in plugins.specs("exporter"))
    found["disk_mb"] = _disk(settings, data, found, images, reported)
    return found


def _data(plugins: Plugins, settings: Settings) -> tuple[dict[str, Any], Images]:
    """Return what is known of the data, and images to train on or a stand-in for them."""
    from brainzoo.runs.pipeline import training_images

    config = settings.prepare
    if config is None:
        images = Images.open(settings.data.name)
        return _known(images), training_images(images)
    from brainzoo.preparation.prepare import limited, prepared_already

    dataset = plugins.load("dataset", settings.data.name)(settings.data.config)
    try:
        subjects = limited(list(dataset.subjects()), config.max_subjects)
        there = prepared_already(dataset, config, name=settings.data.name, classes=settings.classes)
    except BrainzooError as error:
        return {"not here yet": str(error)}, _stand_in(settings, config, [])
    if not subjects:
        raise DataError(f"dataset {settings.data.name!r} holds no scans.")
    counts = {"scans": len(subjects), "subjects": len({s.id for s in subjects})}
    if there is not None:
        return {**counts, **_known(there)}, training_images(there)
    return {**counts, **_preparing(config, subjects)}, _stand_in(settings, config, subjects)


def _known(images: Images) -> dict[str, Any]:
    return {"images": len(images), "prepared": True, "seconds": 0.0}


def _preparing(config: PrepareConfig, subjects: Sequence[Subject]) -> dict[str, Any]:
    """Prepare a few scans, keep nothing, and return how long all would take."""
    from brainzoo.common.processes import cores
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


def _training(plugins: Plugins, settings: Settings, images: Images) -> dict[str, Any]:
    """Let the generator train on nothing, then a few steps, to find what it would take."""
    kind = plugins.load("generator", settings.generator.name)
    if not kind.estimable:
        text = f"{settings.generator.name} does not tell memory and time beforehand"
        return {"training": {"not known": text}}
    from brainzoo.training.estimate import estimate, without_memory

    console.note("counting memory and arithmetic ...")
    with without_memory():
        found = _asked(kind, settings, images, estimate)
    memory = {
        "networks": found["networks"],
        "average": found["average"],
        "optimizers": found["optimizers"],
        "step": found["step"],
    }
    training: dict[str, Any] = {
        "parameters": found["parameters"],
        "memory_mb": {name: _mb(size) for name, size in memory.items()},
        "stages": [dataclasses.asdict(stage) for stage in found["stages"]],
    }
    needed, free = sum(memory.values()), _free(settings.train.device)
    if free is not None and needed > free:
        text = f"it needs about {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free"
        return {"training": {**training, "not timed": text}}
    return _timed(kind, settings, images, training, found["stages"])


def _timed(
    kind: type[Generator],
    settings: Settings,
    images: Images,
    training: dict[str, Any],
    stages: Sequence[Any],
) -> dict[str, Any]:
    """Return what is known of training with its time, and the time of sampling."""
    from brainzoo.training.timing import SECONDS, budget, timed

    with console.progress("timing steps", round(SECONDS)) as advance:
        found = _asked(kind, settings, images, lambda asked: {"all": timed(asked, stages, advance)})
    measured, peak = found["all"]
    for row, of in zip(training["stages"], measured, strict=True):
        row["resolution"] = of.resolution
        row["images_per_second"] = float(f"{of.rate:.3g}")
        row["grid_seconds"] = round(of.grid, 2)
        del row["kinds"]
    seen, seconds = budget(settings.train, measured)
    training["memory_mb"]["process_peak"] = _mb(peak)
    training |= {"images": seen, "seconds": round(seconds, 1)}
    last = measured[-1]
    sampling = {
        "images": settings.samples,
        "images_per_second": float(f"{last.pictured / last.grid:.3g}"),
        "seconds": round(settings.samples * last.grid / last.pictured, 1),
    }
    return {"training": training, "sampling": sampling}


def _asked(kind: type[Generator], settings: Settings, images: Images, ask: Any) -> dict[str, Any]:
    """Return what a function finds in the place of training."""
    from brainzoo.training.estimate import Estimated

    try:
        kind(settings.generator.config).fit(images, Run(Path(), settings.train, estimate=ask))
    except Estimated as told:
        return told.estimate
    raise BrainzooError(f"{settings.generator.name} trained instead of telling what it takes.")


def _free(device: str) -> int | None:
    """Return the bytes that training could use."""
    import torch

    from brainzoo.common.hardware import free_memory
    from brainzoo.training.devices import compute

    if compute(device).device.type == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    return free_memory()


def _disk(
    settings: Settings,
    data: Mapping[str, Any],
    found: Mapping[str, Any],
    images: Images,
    reported: bool,
) -> dict[str, Any]:
    """Return the megabytes of what a run writes; the checkpoint is of the averaged network."""
    import numpy as np

    pixels = images.channels * int(np.prod(images.spatial))
    shown = pixels if len(images.spatial) == 2 else sum(pixels // edge for edge in images.spatial)
    disk: dict[str, Any] = {}
    if "images" in data:
        disk["prepared"] = _mb(data["images"] * pixels * np.dtype(images.dtype).itemsize)
    disk["samples"] = _mb(settings.samples * pixels * 2)
    exported = {part.name: _limit(part.options, settings.samples) for part in settings.export}
    sizes = {"nifti": 1.0, "png": PNG_SHARE}
    disk["export"] = _mb(sum(n * pixels * sizes.get(k, 0.0) for k, n in exported.items()))
    training = found["training"]
    if "memory_mb" in training:
        memory = training["memory_mb"]
        disk["state"] = memory["networks"] + memory["average"] + memory["optimizers"]
        disk["checkpoint"] = memory["average"]
        disk["grids"] = _mb(settings.train.grids * 64 * shown * PNG_SHARE)
        if reported:  # its film holds the grids again, in base64
            disk["report"] = round(disk["grids"] * 4 / 3, 1)
    return {**disk, "total": round(sum(disk.values()), 1)}


def _limit(options: Mapping[str, Any], samples: int) -> int:
    return min(options.get("limit") or samples, samples)


def _stand_in(settings: Settings, config: PrepareConfig, subjects: Sequence[Subject]) -> Images:
    """Return images of the right shape with noise in them and real subjects' covariates."""
    import numpy as np

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
    shape = [config.size] * config.dims
    noise = np.random.default_rng(0).integers(0, 65536, shape, np.uint16)
    pixels = np.broadcast_to(noise, (len(table), 1, *shape))
    return Images(pixels, table, {"classes": classes})


def _mb(size: float) -> float:
    return round(float(size) / 1e6, 1)
