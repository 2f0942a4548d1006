"""What a run would take: ``brainzoo plan``.

A few scans are prepared and a few steps are trained at parts of the budget; their times are scaled.
How long evaluators, exporters and the report take is not known beforehand and left out.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
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
from brainzoo.common.hardware import cores, free_memory, peak_memory
from brainzoo.common.processes import WORTH_SECONDS, new_processes, starting
from brainzoo.data.images import Images
from brainzoo.data.splits import split_of
from brainzoo.data.subjects import Subject
from brainzoo.data.tables import Row
from brainzoo.evaluating.running import outlooks
from brainzoo.plugin.manager import Plugins
from brainzoo.plugin.part import Part
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.runs.settings import Settings, to_record

ROWS = 64  # of the stand-in for images that are not prepared yet
SCANS = 4  # are prepared to find out how long it takes; the first one is not timed
SECONDS = 2.5  # of training are tried at each part of the budget
# The middles of fifths of the budget; the last fifth, where networks are largest, comes first.
AT = (0.9, 0.1, 0.3, 0.5, 0.7)
# Steps of a try: one that is not timed, and 16 at most that hold a penalty of every 16th.
LEAST, MOST = 3, 17
GRID, SAMPLES = 64, 8  # images of a sample grid, and those drawn to time sampling

Source = Path | tuple[Sequence[Row], tuple[int, ...], Mapping[str, Any]]
"""Prepared images; or rows, ``(channel, *spatial)`` and description of noise in their place."""


def plan(plugins: Plugins, settings: Settings) -> dict[str, Any]:
    """Return the resolved ``settings``, and what data, training and sampling would take."""
    data, source, shape = _data(plugins, settings)
    found = {"settings": to_record(settings), "data": data, **_training(settings, source)}
    parts = {name: found.get(name, {}).get("seconds") for name in ("data", "training", "sampling")}
    if None not in parts.values():
        found["seconds"] = {**parts, "total": round(sum(parts.values()), 1)}
    disk = {k: found["training"].get(f"{k}_mb") for k in ("state", "checkpoint")}
    counts = {"samples": settings.samples, "prepared": data.get("images")}
    disk |= {name: n and _mb(2 * n * math.prod(shape)) for name, n in counts.items()}
    return {**found, "disk_mb": {name: mb for name, mb in disk.items() if mb is not None}}


def _data(plugins: Plugins, settings: Settings) -> tuple[dict[str, Any], Source, tuple[int, ...]]:
    """Return what is known of the data, images to train on, and the shape of an image."""
    config, name = settings.prepare, settings.data.name
    if config is None:
        images = Images.open(name)
        people = zip(images.column("subject"), images.column("split"), strict=True)
        return _prepared(images, outlooks(settings.evaluate, people))
    from brainzoo.preparation.prepare import limited, prepared_already
    from brainzoo.preparation.subject import prepare_subject

    dataset = plugins.load("dataset", name)(settings.data.config)
    shape = (1, *[config.size] * config.dims)
    try:
        subjects = limited(list(dataset.subjects()), config.max_subjects)
        there = prepared_already(dataset, config, name=name, classes=settings.classes)
    except BrainzooError as error:
        return {"not here yet": str(error)}, _noise([], settings, shape), shape
    if not subjects:
        raise DataError(f"dataset {name!r} holds no scans.")
    divided = config.split_seed, config.split_fractions
    said = outlooks(settings.evaluate, ((s.id, split_of(s.id, *divided)) for s in subjects))
    counts = {"scans": len(subjects), "subjects": len({s.id for s in subjects})}
    if there is not None:
        return _prepared(there, said, **counts)
    seconds, made = [], 0
    with console.progress("preparing a few scans", SCANS) as advance:
        for i in range(SCANS):
            started = time.perf_counter()
            subject = subjects[i * (len(subjects) - 1) // SCANS]
            made += len(prepare_subject(subject, config).rows)
            seconds.append(time.perf_counter() - started)
            advance(1)
    whole = sum(seconds[1:]) / (SCANS - 1) * len(subjects)
    whole /= min(cores(), 16) if whole > WORTH_SECONDS else 1
    known = {"images": round(made / SCANS * len(subjects)), "prepared": False, "outlook": said}
    found = {**counts, **known, "seconds": round(whole, 2)}
    return found, _noise(subjects, settings, shape), shape


def _prepared(
    images: Images, said: Sequence[str], **counts: int
) -> tuple[dict[str, Any], Source, tuple[int, ...]]:
    found = {"images": len(images), "prepared": True, "seconds": 0.0, "outlook": said, **counts}
    return found, Path(images.folder or "."), (images.channels, *images.spatial)


def _noise(subjects: Sequence[Subject], settings: Settings, shape: tuple[int, ...]) -> Source:
    """Return a stand-in for images: as much is known of each as of the people of the data."""
    classes = list(settings.classes)
    rows: list[Row] = [dict(s.covariates) for s in subjects[:ROWS]]
    rows = rows or [{"age": 20.0 + i, "sex": "FM"[i % 2]} for i in range(ROWS)]
    for i, row in enumerate(rows):
        row |= {"image_id": f"{i}", "subject": f"{i}", "split": "train"}
        row["class"] = classes[i % len(classes)] if classes else None
    return rows, shape, {"classes": classes}


def _training(settings: Settings, source: Source) -> dict[str, Any]:
    """Return what training and sampling take, from a process of its own, which may fail."""
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
    rate = found["samples_per_second"]
    training = {
        "images": round(by_time * statistics.mean(rates)) if ends_by_time else train.images,
        "seconds": round(min(by_time, by_images) + (train.grids + 1) * GRID / rate, 1),
        "stages": found["stages"],
        **{f"{name}_mb": _mb(found[name]) for name in ("memory", "state", "checkpoint")},
    }
    taken = round(settings.samples / rate, 1)
    sampling = {"images": settings.samples, "images_per_second": rate, "seconds": taken}
    return {"training": training, "sampling": sampling}


@dataclasses.dataclass(frozen=True)
class Rehearsal(Run):
    """A run that begins at a fraction ``at`` of the budget and ends after a few ``seconds``."""

    at: float = 0.0
    seconds: float = 0.0
    ends: dict[int, float] = dataclasses.field(default_factory=dict)  # of each step, by images seen

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

    Returns the ``stages`` in the order of the budget, ``samples_per_second``, and ``memory``,
    ``state`` and ``checkpoint`` in bytes; nothing for a generator that trains in its own way.
    """
    import resource

    import numpy as np

    from brainzoo.runs.learning import fit
    from brainzoo.training.devices import compute

    free = free_memory()
    if free is not None and compute(train.device).device.type == "cpu":
        # Too large a training fails here before it takes the memory of other programs; a GB is
        # what threads reserve and seldom use.
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (free + 2**30, hard))
    if isinstance(source, Path):
        images = Images.open(source).where(split="train")
    else:
        rows, shape, info = source
        noise = np.random.default_rng(0).integers(0, 65536, shape, np.uint16)
        images = Images(np.broadcast_to(noise, (len(rows), *shape)), rows, info)
    # The budget is for a generator that counts for itself.
    brief = dataclasses.replace(train, images=MOST * train.batch_size, minutes=None, grids=0)
    stages, found = [], dict[str, Any]()
    for at in AT:
        silent = contextlib.redirect_stderr(io.StringIO())
        with tempfile.TemporaryDirectory() as folder, silent:
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
                for name, place in (("state", run.state), ("checkpoint", run.checkpoint)):
                    files = [file for file in place.rglob("*") if file.is_file()]
                    found[name] = sum(file.stat().st_size for file in files)
    memory = sys.modules["torch"].cuda.max_memory_allocated() or peak_memory()
    return {"stages": sorted(stages, key=lambda stage: stage["at"]), **found, "memory": memory}


def _mb(size: float) -> float:
    return round(float(size) / 1e6, 1)


def plan_table(found: Mapping[str, Any]) -> str:
    """Return what is known as a table, and what is not known in a sentence."""
    data, training, sampling = found["data"], found["training"], found.get("sampling")
    rows, notes = [], [*data.get("outlook", ())]
    if "images" in data:
        whence = "prepared already" if data["prepared"] else f"of {data['scans']:,} scans"
        taken = console.duration(data["seconds"])
        rows.append(["prepare", taken, f"{data['images']:,} images {whence}"])
    else:
        notes.append(f"data: not here yet: {data['not here yet']}")
    if sampling:
        stages = [f"{console.number(s['images_per_second'])}/s" for s in training["stages"]]
        images = f"{training['images']:,} images seen, in fifths of the budget {', '.join(stages)}"
        rows.append(["train", console.duration(training["seconds"]), images])
        images = f"{sampling['images']:,} images, {console.number(sampling['images_per_second'])}/s"
        rows.append(["sample", console.duration(sampling["seconds"]), images])
        left_out = "without start-up, evaluators, exporters and the report"
        if "seconds" in found:
            rows.append(["total", console.duration(found["seconds"]["total"]), left_out])
        rows.append(["memory", console.size_text(1e6 * training["memory_mb"]), "of training"])
    else:
        notes.append(f"training: not known: {training['not known']}.")
    rows += [["disk", console.size_text(1e6 * mb), name] for name, mb in found["disk_mb"].items()]
    return "\n\n".join([console.table(["", "about", ""], rows), *notes])
