"""Steps between a scan and its images, which plugins bring: masks, bias fields, alignment."""

from __future__ import annotations

from typing import Any

from brainzoo.plugin.manager import STEP, plugins
from brainzoo.plugin.part import part_of
from brainzoo.preparation.config import PrepareConfig


def steps_of(config: PrepareConfig) -> dict[str, Any]:
    """Return the steps that were asked for, in order.

    Each is called with a scan, and returns it with other images, labels, mask or extent. Its
    ``record`` is all that decides the result, as plain values.
    """
    return {
        name: plugins().load(STEP, name)(part_of(plugins().get(STEP, name), {}).config)
        for name in config.steps
    }


def records_of(config: PrepareConfig) -> list[dict[str, Any]]:
    """Return what decides the results of the steps that were asked for."""
    records = []
    for name, step in steps_of(config).items():
        source = plugins().of(STEP, name)
        package = f"{source.distribution} {source.version}"
        records.append({"name": name, "package": package, **step.record})
    return records
