"""What :func:`brainzoo.runs.planning.plan.plan` found, as tables for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brainzoo.common import console

MEMORY = {
    "networks": "weights",
    "average": "averaged weights",
    "optimizers": "optimisers",
    "step": "a step: activations and gradients",
    "process_peak": "the whole process at its peak, measured",
}
NOT_COUNTED = "Not in the time: start-up, evaluators, exporters and the report."


def plan_table(found: Mapping[str, Any]) -> str:
    """Return the tables of parameters, memory, stages, time and disk, as far as they are known."""
    data, training = found["data"], found["training"]
    parts = []
    if "not here yet" in data:
        parts.append(f"data: not here yet: {data['not here yet']}")
    if "not known" in training:
        return "\n\n".join([*parts, _time(found), f"training: {training['not known']}."])
    parameters = [[name, f"{count:,}"] for name, count in training["parameters"].items()]
    parts.append(console.table(["network", "parameters"], parameters))
    memory = [[MEMORY[k], f"{v:,.0f}"] for k, v in training["memory_mb"].items()]
    parts.append(console.table(["memory", "MB"], memory))
    if "not timed" in training:
        parts.append(f"time: not measured: {training['not timed']}.")
    else:
        parts.append(_stages(training))
    disk = [[name, f"{size:,.1f}"] for name, size in found["disk_mb"].items()]
    parts.append(console.table(["disk", "MB"], disk))
    return "\n\n".join([*parts, _time(found), NOT_COUNTED])


def _stages(training: Mapping[str, Any]) -> str:
    """Return a row a stage; the resolution where networks grow."""
    grows = any(stage["resolution"] for stage in training["stages"])
    header = ["part of the budget", "phases", *(["pixels"] if grows else []), "batch", "images/s"]
    rows = []
    for stage in training["stages"]:
        part = f"{100 * stage['start']:.0f} to {100 * stage['end']:.0f} %"
        pixels = [str(stage["resolution"])] if grows else []
        rate = console.number(stage["images_per_second"])
        row = [part, ", ".join(stage["phases"]), *pixels, str(stage["batch_size"]), rate]
        rows.append(row)
    return console.table(header, rows)


def _time(found: Mapping[str, Any]) -> str:
    data, training, sampling = found["data"], found["training"], found.get("sampling", {})
    rows = []
    if "images" in data:
        whence = "prepared already" if data["prepared"] else f"of {data['scans']:,} scans"
        rows.append(["prepare", duration(data["seconds"]), f"{data['images']:,} images {whence}"])
    if "seconds" in training:
        seen = f"{training['images']:,} images seen"
        rows.append(["train", duration(training["seconds"]), seen])
    if "seconds" in sampling:
        made = f"{sampling['images']:,} images, {console.number(sampling['images_per_second'])}/s"
        rows.append(["sample", duration(sampling["seconds"]), made])
    if "seconds" in found:
        rows.append(["total", duration(found["seconds"]["total"]), ""])
    return console.table(["time", "about", ""], rows)


def duration(seconds: float) -> str:
    """Write a time in the unit that people would use."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"
