"""What a run would take: ``brainzoo plan`` and ``--dry-run``.

A few scans are prepared and a few steps are trained at parts of the budget; their times are scaled.
How long evaluators, exporters and the report take is not known beforehand and left out.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

from brainzoo.common import console
from brainzoo.common.errors import BrainzooError, DataError
from brainzoo.common.hardware import free_memory
from brainzoo.common.processes import cores, new_processes, peak_memory, starting
from brainzoo.data.images import Images
from brainzoo.data.subjects import Subject
from brainzoo.data.tables import Row
from brainzoo.plugin.manager import Plugins
from brainzoo.plugin.part import Part
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.runs.record import to_record
from brainzoo.runs.settings import Settings

ROWS = 64
"""Rows of the stand-in for images that are not prepared yet."""
SCANS = 4
"""Scans that are prepared to find out how long it takes; the first one is not timed."""
SECONDS = 2.5
"""How long training is tried at each part of the budget; longer where steps take longer."""
AT = (0.9, 0.1, 0.3, 0.5, 0.7)
"""The middles of fifths of the budget; the last fifth, where networks are largest, comes first."""
LEAST, MOST = 3, 17
"""Steps of a try. The first one chooses algorithms and is not timed; the 16 that are timed at most
hold a penalty of every 2nd, 4th, 8th or 16th step."""
GRID, SAMPLES = 64, 8
"""Images of a sample grid, and those drawn to time sampling."""
RESERVED = 2**30
"""Bytes of memory that threads reserve and seldom use."""

Source = Path | tuple[Sequence[Row], tuple[int, ...], Mapping[str, Any]]
"""Prepared images; or rows, ``(channel, *spatial)`` and description of noise in their place."""


def plan(plugins: Plugins, settings: Settings) -> dict[str, Any]:
    """Return the resolved ``settings``, and what data, training and sampling would take.

    Nothing is written but temporary files.

    Raises:
        BrainzooError: The generator cannot make such images.
    """
    data, source, image_bytes = _data(plugins, settings)
    found = {"settings": to_record(settings), "data": data, **_training(settings, source)}
    parts = {name: found.get(name, {}).get("seconds") for name in ("data", "training", "sampling")}
    if None not in parts.values():
        found["seconds"] = {**parts, "total": round(sum(parts.values()), 1)}
    written = {name: found["training"].get(f"{name}_mb") for name in ("state", "checkpoint")}
    found["disk_mb"] = {k: size for k, size in written.items() if size is not None}
    found["disk_mb"]["samples"] = _mb(settings.samples * image_bytes)
    if "images" in data:
        found["disk_mb"]["prepared"] = _mb(data["images"] * image_bytes)
    return found


def _data(plugins: Plugins, settings: Settings) -> tuple[dict[str, Any], Source, int]:
    """Return what is known of the data, images to train on, and the bytes of an image."""
    config, classes, name = settings.prepare, list(settings.classes), settings.data.name
    if config is None:
        images = Images.open(name)
        known = {"images": len(images), "prepared": True, "seconds": 0.0}
        return known, Path(name), images.floats([0]).nbytes // 2
    from brainzoo.preparation.prepare import folder_of, limited, prepared_already
    from brainzoo.preparation.subject import POOL_FROM_SECONDS, prepare_subject

    def noise(subjects: Sequence[Subject]) -> Source:
        about = [s.covariates for s in subjects[:ROWS]]
        about = about or [{"age": 20.0 + i, "sex": "FM"[i % 2]} for i in range(ROWS)]
        rows: list[Row] = [
            {**row, "image_id": f"{i}", "subject": f"{i}", "split": "train", "class": None}
            for i, row in enumerate(about)
        ]
        for i, row in enumerate(rows if classes else ()):
            row["class"] = classes[i % len(classes)]
        return rows, (1, *[config.size] * config.dims), {"classes": classes}

    dataset = plugins.load("dataset", name)(settings.data.config)
    image_bytes = 2 * config.size**config.dims
    try:
        subjects = limited(list(dataset.subjects()), config.max_subjects)
        there = prepared_already(dataset, config, name=name, classes=settings.classes)
    except BrainzooError as error:
        return {"not here yet": str(error)}, noise([]), image_bytes
    if not subjects:
        raise DataError(f"dataset {name!r} holds no scans.")
    counts: dict[str, Any] = {"scans": len(subjects), "subjects": len({s.id for s in subjects})}
    if there is not None:
        counts |= {"images": len(there), "prepared": True, "seconds": 0.0}
        return counts, folder_of(name, there.info["request"]), image_bytes
    seconds, made = [], 0
    with console.progress("preparing a few scans", SCANS) as advance:
        for i in range(SCANS):
            started = time.perf_counter()
            subject = subjects[i * (len(subjects) - 1) // SCANS]
            made += len(prepare_subject(subject, config).rows)
            seconds.append(time.perf_counter() - started)
            advance(1)
    whole = sum(seconds[1:]) / (SCANS - 1) * len(subjects)
    whole /= min(cores(), 16) if whole > POOL_FROM_SECONDS else 1
    counts |= {"images": round(made / SCANS * len(subjects)), "prepared": False}
    return {**counts, "seconds": round(whole, 2)}, noise(subjects), image_bytes


def _training(settings: Settings, source: Source) -> dict[str, Any]:
    """Return what training and sampling take; from a process of its own, which may fail."""
    generator, train = settings.generator, settings.train
    console.note("timing a few steps of training ...")
    try:
        with new_processes(1, threads=None, kill=True) as pool:
            with starting():
                future = pool.submit(rehearse, generator, train, source, SECONDS)
            found = future.result()
    except (BrokenExecutor, RuntimeError, MemoryError) as error:
        if not (isinstance(error, BrokenExecutor | MemoryError) or "memory" in str(error)):
            raise
        text = f"it needs more memory than the {(free_memory() or 0) / 1e9:.1f} GB that are free"
        return {"training": {"not known": text}}
    if not found:
        return {"training": {"not known": f"{generator.name} trains in its own way"}}
    rates = [stage["images_per_second"] for stage in found["stages"]]
    by_time = 60 * train.minutes if train.minutes else math.inf
    by_images = statistics.mean((train.images or math.inf) / rate for rate in rates)
    ends_by_time = by_time < by_images or train.images is None
    seen = round(by_time * statistics.mean(rates)) if ends_by_time else train.images
    seconds = min(by_time, by_images)
    rate = found["samples_per_second"]
    training = {
        "images": seen,
        "seconds": round(seconds + (train.grids + 1) * GRID / rate, 1),
        "stages": found["stages"],
        **{f"{name}_mb": _mb(found[name]) for name in ("memory", "state", "checkpoint")},
    }
    taken = round(settings.samples / rate, 1)
    sampling = {"images": settings.samples, "images_per_second": rate, "seconds": taken}
    return {"training": training, "sampling": sampling}


@dataclasses.dataclass(frozen=True)
class Rehearsal(Run):
    """A run that begins at a fraction ``at`` of the budget and ends after a few steps.

    It takes ``seconds`` or more; ``ends`` says when each step ended, by the images seen.
    """

    at: float = 0.0
    seconds: float = 0.0
    ends: dict[int, float] = dataclasses.field(default_factory=dict)

    def spent(self, images: int, seconds: float) -> float:
        """Note the time; end when enough steps are done."""
        torch = sys.modules["torch"]
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = self.ends[images] = time.perf_counter()
        steps = len(self.ends) - 1
        long = now - self.ends[min(self.ends)] > self.seconds
        return 1.0 if steps >= MOST or (long and steps >= LEAST) else self.at

    @property
    def speed(self) -> dict[str, float]:
        """Images of a step, and images per second."""
        first, second, *_, last = sorted(self.ends)
        seconds = self.ends[last] - self.ends[second]
        return {"batch_size": second - first, "images_per_second": (last - second) / seconds}


def rehearse(part: Part, train: TrainConfig, source: Source, seconds: float) -> dict[str, Any]:
    """Train for some seconds at each part of the budget, and draw a few images.

    Returns:
        ``stages`` in the order of the budget: ``at``, ``batch_size``, ``images_per_second``;
        ``samples_per_second``; ``memory``, ``state`` and ``checkpoint`` in bytes. Nothing for a
        generator that trains without :func:`brainzoo.training.fit`.
    """
    import numpy as np

    from brainzoo.runs.pipeline import fit

    if isinstance(source, Path):
        images = Images.open(source).where(split="train")
    else:
        rows, shape, info = source
        noise = np.random.default_rng(0).integers(0, 65536, shape, np.uint16)
        images = Images(np.broadcast_to(noise, (len(rows), *shape)), rows, info)
    _limit_memory(train.device)
    # The budget is for a generator that counts for itself.
    brief = dataclasses.replace(train, images=MOST * train.batch_size, minutes=None, grids=0)
    stages, found = [], dict[str, Any]()
    for at in AT:
        with tempfile.TemporaryDirectory() as folder, console.quiet():
            run = Rehearsal(Path(folder), brief, at=at, seconds=seconds)
            generator = fit(part, images, run)
            if not run.ends:
                return {}
            stages.append({"at": at, **run.speed})
            if not found:
                for _ in range(2):  # the first one warms up
                    started = time.perf_counter()
                    drawn = sum(len(batch) for batch in generator.sample(SAMPLES, seed=0))
                found["samples_per_second"] = drawn / (time.perf_counter() - started)
                generator.save(run.checkpoint)
                found |= {"state": _size(run.state), "checkpoint": _size(run.checkpoint)}
    memory = sys.modules["torch"].cuda.max_memory_allocated() or peak_memory()
    return {"stages": sorted(stages, key=lambda stage: stage["at"]), **found, "memory": memory}


def _limit_memory(device: str) -> None:
    """Let too large a training fail here before it takes the memory of other programs."""
    import resource

    from brainzoo.training.devices import compute

    free = free_memory()
    if free is not None and compute(device).device.type == "cpu":
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (free + RESERVED, hard))


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _mb(size: float) -> float:
    return round(float(size) / 1e6, 1)


def plan_table(found: Mapping[str, Any]) -> str:
    """Return the tables of stages, time, memory and disk, as far as they are known."""
    data, training, sampling = found["data"], found["training"], found.get("sampling")
    parts, rows = [], []
    if "images" in data:
        whence = "prepared already" if data["prepared"] else f"of {data['scans']:,} scans"
        rows.append(("prepare", data["seconds"], f"{data['images']:,} images {whence}"))
    else:
        parts.append(f"data: not here yet: {data['not here yet']}")
    if sampling:
        stages = [
            [f"{s['at']:.0%}", str(s["batch_size"]), console.number(s["images_per_second"])]
            for s in training["stages"]
        ]
        parts.append(console.table(["at this part of the budget", "batch", "images/s"], stages))
        sizes = {"memory of training": training["memory_mb"]}
        sizes |= {f"disk: {name}": size for name, size in found["disk_mb"].items()}
        parts.append(console.table(["", "MB"], [[k, f"{v:,.1f}"] for k, v in sizes.items()]))
        rate = console.number(sampling["images_per_second"])
        rows.append(("train", training["seconds"], f"{training['images']:,} images seen"))
        rows.append(("sample", sampling["seconds"], f"{sampling['images']:,} images, {rate}/s"))
    if "seconds" in found:
        rows.append(("total", found["seconds"]["total"], ""))
    times = [[name, console.duration(seconds), text] for name, seconds, text in rows]
    parts.append(console.table(["time", "about", ""], times))
    if sampling:
        parts.append("Not in the time: start-up, evaluators, exporters and the report.")
    else:
        parts.append(f"training: not known: {training['not known']}.")
    return "\n\n".join(parts)
