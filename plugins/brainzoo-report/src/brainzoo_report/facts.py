"""What a report says in words, numbers and tables; no pictures here."""

from __future__ import annotations

import collections
import dataclasses
import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from brainzoo.api import Images, Value, checkpoint
from brainzoo_report.runfolder import RunFolder, dig, number

TOO_PERFECT = 0.9  # D(real) - D(fake) above which the discriminator has won
TOO_POOR = 0.01  # and below which it recognises nothing


@dataclasses.dataclass(frozen=True)
class Data:
    """The real images behind a run, counted by subject where that is what counts."""

    subjects: int
    images: int
    splits: list[tuple[str, int, int]]
    classes: list[tuple[str, str, int, int]]
    sexes: dict[str, int]
    sites: dict[str, int]
    ages: dict[str, int]
    age_range: tuple[float, float] | None
    without_age: int
    failed: list[tuple[str, str]]


def data_of(images: Images, expressions: Mapping[str, Any]) -> Data:
    """Count subjects, images, classes, sexes, sites and ages of prepared images."""
    people: dict[str, dict[str, Value]] = {}
    for row in images.table:
        people.setdefault(str(row.get("subject")), row)
    rows = list(people.values())
    ages = [a for row in rows if (a := number(row.get("age"))) is not None and 0 <= a < 150]
    splits = []
    for split in ("train", "validation", "test"):
        part = images.where(split=split)
        splits.append((split, len(part.subjects()), len(part)))
    classes = []
    for name in images.classes:
        part = images.where(**{"class": name})
        expression = checkpoint.public_expression(str(expressions.get(name, "")))
        classes.append((f"class {name}", expression, len(part.subjects()), len(part)))
    rest = images.where(**{"class": None})
    if classes and len(rest):
        classes.append(("in no class", "", len(rest.subjects()), len(rest)))
    return Data(
        subjects=len(rows),
        images=len(images),
        splits=splits,
        classes=classes,
        sexes=_known(row.get("sex") for row in rows),
        sites=_known(row.get("site") for row in rows),
        ages=_decades(ages),
        age_range=(min(ages), max(ages)) if ages else None,
        without_age=len(rows) - len(ages),
        failed=[
            (" ".join(str(item.get(k) or "") for k in ("subject", "scan")), str(item.get("reason")))
            for item in images.info.get("failed") or []
            if isinstance(item, dict)
        ],
    )


def verdict(stats: list[dict[str, Any]]) -> str:
    """Say in a sentence whether generator or discriminator won; empty without a discriminator.

    "The lie detector must not be too perfect [...]. The lie detector must not be too poor either"
    (Harri Pölönen, VTT, 2022, on GANs for brain MRI).
    """
    game = [
        (real, fake)
        for line in stats
        if (real := number(line.get("d_real"))) is not None
        and (fake := number(line.get("d_fake"))) is not None
    ]
    if not game:
        return ""
    end = game[-max(1, len(game) // 4) :]
    real = sum(line[0] for line in end) / len(end)
    fake = sum(line[1] for line in end) / len(end)
    measured = (
        "over the last quarter of training, it called real images real with a mean probability "
        f"of {real:.2f}, and synthetic ones with {fake:.2f}"
    )
    if real - fake > TOO_PERFECT:
        return (
            f"The discriminator won: {measured}. It is too good for the generator to learn "
            "much from it; a slower discriminator, augmentation or more data help."
        )
    if real - fake < TOO_POOR:
        return (
            f"The discriminator can no longer see a difference: {measured}. Either the images are "
            "that good, or it is too weak to push the generator: look at the images."
        )
    return (
        "Neither side won. The discriminator was neither too good nor too weak to learn from: "
        f"{measured}."
    )


def duration(seconds: float | None) -> str:
    """Write a time as a person says it: ``8 min 12 s``."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    parts = [f"{minutes} min"] * bool(minutes) + [f"{rest} s"] * bool(rest or not minutes)
    return " ".join(parts)


def counted(value: int, one: str, many: str = "") -> str:
    """Write a number with its noun: ``1 image``, ``1,936 images``."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def measured(value: Any) -> str:
    """Write a number for people, or text as it is; nothing for nested values."""
    found = number(value)
    if found is not None:
        return f"{found:,.4g}".replace("-", "−") if abs(found) < 1e4 else f"{found:,.0f}"
    return "" if value is None or isinstance(value, dict | list) else str(value)


def moment(text: str) -> str:
    """Write an ISO time as a person reads it: ``20 November 2026, 13:47``."""
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{found.day} {found:%B %Y, %H:%M} {found.tzname() or ''}".strip()


def generator(images: Images, run: RunFolder) -> str:
    """Return the generator's name; empty if it is not known."""
    return run.text("generator", "name") or str(dig(images.info, "generator", "name") or "")


def headline(images: Images, run: RunFolder) -> str:
    """Say what was run in one sentence."""
    who = generator(images, run) or "A generator"
    plane, modality = images.info.get("plane") or "", " + ".join(images.channel_names)
    kind = f"{plane} {modality} slice" if images.dims == 2 else f"{modality} volume"
    kind = " ".join(kind.split())
    size = " × ".join(map(str, images.spatial)) + (" pixels" if images.dims == 2 else " voxels")
    made = counted(len(images), f"new image of {size}", f"new images of {size}")
    if not images.synthetic and len(images):
        return f"{counted(len(images), kind)} of {size}, not made by a generator."
    learned = run.trained_on()
    if learned is None:
        return f"{who} made {made}." if len(images) else f"{who} has made no images yet."
    one = "simulated head" if simulated(images, run) else "person"
    people = counted(len(learned.subjects()), one, "people" if one == "person" else "")
    then = f"then made {made}" if len(images) else "has made no images yet"
    return f"{who} learned from {counted(len(learned), kind)} of {people}, and {then}."


def sides(images: Images, run: RunFolder) -> str:
    """Say on which side the patient's right is shown, and whether synthetic images know sides."""
    if images.dims == 2 and images.info.get("plane") not in ("axial", "coronal"):
        return ""
    flipped = run.setting("train", "flip") is True and images.synthetic
    return "The patient’s right is shown at the left." + flipped * (
        " Training mirrored images at random: in synthetic ones, left and right mean nothing."
    )


def simulated(images: Images, run: RunFolder) -> bool:
    """Whether what was learned from is itself a simulation, and no scans of people."""
    infos = [images.info] + ([run.prepared.info] if run.prepared else [])
    return any(dig(info, "source", "simulated") is True for info in infos)


def stages(run: RunFolder) -> list[tuple[str, float]]:
    """Return how many seconds each stage of the run took, in its order."""
    found = run.setting("seconds")
    times = found.items() if isinstance(found, dict) else []
    return [(str(name), value) for name, raw in times if (value := number(raw)) is not None]


def flat(found: Any, prefix: str = "", depth: int = 5) -> Iterator[tuple[str, str]]:
    """Yield the single values of nested mappings, not deeper than ``depth``, as pairs of text."""
    if isinstance(found, dict):
        for key, value in found.items() if depth else ():
            yield from flat(value, f"{prefix} · {key}" if prefix else str(key), depth - 1)
    elif isinstance(found, list | tuple):
        if found:
            yield prefix, ", ".join(str(v) for v in found if not isinstance(v, dict | list | tuple))
    elif found is not None and found != "":
        yield prefix, f"{found:.6g}" if isinstance(found, float) else str(found)


def _known(values: Iterator[Value]) -> dict[str, int]:
    found = collections.Counter("missing" if v in (None, "") else str(v) for v in values)
    return {} if set(found) <= {"missing"} else dict(sorted(found.items()))


def _decades(ages: list[float]) -> dict[str, int]:
    if not ages:
        return {}
    tens = [int(age // 10) for age in ages]
    return {
        f"{ten}0s" if ten else "0–9": tens.count(ten) for ten in range(min(tens), max(tens) + 1)
    }
