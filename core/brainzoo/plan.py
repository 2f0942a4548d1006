"""What a run would do and take, found without doing it: ``--dry-run``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from brainzoo import console
from brainzoo.errors import BrainzooError
from brainzoo.images import Images
from brainzoo.interfaces import Subject
from brainzoo.plugins import Plugins
from brainzoo.record import to_record
from brainzoo.run import Run
from brainzoo.settings import Settings

ROWS = 64
"""Rows of the stand-in for images that are not prepared yet."""


def plan(plugins: Plugins, settings: Settings) -> dict[str, Any]:
    """Return the resolved ``settings``, how many scans there are, and what training would take.

    Nothing is prepared, trained or written.

    Raises:
        BrainzooError: The generator cannot make such images.
    """
    found: dict[str, Any] = {"settings": to_record(settings)}
    subjects: list[Subject] = []
    if settings.prepare is not None:
        dataset = plugins.load("dataset", settings.data.name)(settings.data.config)
        try:
            subjects = list(dataset.subjects())
            different = len({subject.id for subject in subjects})
            found["data"] = {"scans": len(subjects), "subjects": different}
        except BrainzooError as error:
            found["data"] = {"not here yet": str(error)}
    found["training"] = _training(plugins, settings, _images(settings, subjects))
    return found


def _training(plugins: Plugins, settings: Settings, images: Images) -> dict[str, Any]:
    """Let the generator train on nothing, to be asked what it would take."""
    train = settings.train
    generator = plugins.load("generator", settings.generator.name)(settings.generator.config)
    if not generator.estimable:
        return {"not known": f"{settings.generator.name} does not tell memory and time beforehand"}
    from brainzoo.training.estimate import Estimated, speed, without_memory

    console.note("estimating what training would take ...")
    with without_memory():
        try:
            generator.fit(images, Run(Path(), train, estimate=True))
        except Estimated as told:
            found = told.estimate
    machine = speed(train.device, train.precision, len(images.spatial))
    return {**found, "machine_gflop_per_second": round(machine), **_time(found, settings, machine)}


def _time(found: dict[str, Any], settings: Settings, machine: float) -> dict[str, Any]:
    """Return about how many images a second training sees, and the hours of the budget."""
    from brainzoo.training.estimate import SHARE_OF_SPEED

    rates = {
        name: SHARE_OF_SPEED * machine / share for name, share in found["arithmetic_gflop"].items()
    }
    whole = 1 / sum(found["shares"][name] / rate for name, rate in rates.items())
    told: dict[str, Any] = {"images_per_second_about": float(f"{whole:.2g}")}
    if settings.train.images is not None:
        told["hours_about"] = float(f"{settings.train.images / whole / 3600:.2g}")
    return told


def _images(settings: Settings, subjects: Sequence[Subject]) -> Images:
    """Return prepared images, or a stand-in of the same shape with real subjects' covariates."""
    import numpy as np

    if settings.prepare is None:
        from brainzoo.pipeline import training_images

        return training_images(Images.open(settings.data.name))
    classes = list(settings.classes)
    unknown = [
        Subject(f"{i}", Path(), covariates={"age": 20.0 + i, "sex": "FM"[i % 2]})
        for i in range(ROWS)
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
    pixels = np.zeros((), np.uint16)
    shape = (len(table), 1, *[settings.prepare.size] * settings.prepare.dims)
    return Images(np.broadcast_to(pixels, shape), table, {"classes": classes})
