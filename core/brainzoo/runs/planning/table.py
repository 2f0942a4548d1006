"""What :func:`brainzoo.runs.planning.plan.plan` found, as tables for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brainzoo.common import console

NOT_COUNTED = "Not in the time: start-up, evaluators, exporters and the report."


def plan_table(found: Mapping[str, Any]) -> str:
    """Return the tables of stages, time, memory and disk, as far as they are known."""
    data, training = found["data"], found["training"]
    parts = []
    if "not here yet" in data:
        parts.append(f"data: not here yet: {data['not here yet']}")
    if "not known" in training:
        return "\n\n".join([*parts, _time(found), f"training: not known: {training['not known']}."])
    rows = [
        [f"{stage['at']:.0%}", str(stage["batch_size"]), console.number(stage["images_per_second"])]
        for stage in training["stages"]
    ]
    parts.append(console.table(["at this part of the budget", "batch", "images/s"], rows))
    sizes = {"memory of training": training["memory_mb"]}
    sizes |= {f"disk: {name}": size for name, size in found["disk_mb"].items()}
    shown = [[name, f"{size:,.1f}"] for name, size in sizes.items()]
    parts.append(console.table(["", "MB"], shown))
    return "\n\n".join([*parts, _time(found), NOT_COUNTED])


def _time(found: Mapping[str, Any]) -> str:
    data, training, sampling = found["data"], found["training"], found.get("sampling", {})
    rows = []
    if "images" in data:
        whence = "prepared already" if data["prepared"] else f"of {data['scans']:,} scans"
        rows.append(
            ["prepare", console.duration(data["seconds"]), f"{data['images']:,} images {whence}"]
        )
    if "seconds" in training:
        seen = f"{training['images']:,} images seen"
        rows.append(["train", console.duration(training["seconds"]), seen])
    if "seconds" in sampling:
        made = f"{sampling['images']:,} images, {console.number(sampling['images_per_second'])}/s"
        rows.append(["sample", console.duration(sampling["seconds"]), made])
    if "seconds" in found:
        rows.append(["total", console.duration(found["seconds"]["total"]), ""])
    return console.table(["time", "about", ""], rows)
