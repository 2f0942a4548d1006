"""Steps between a scan and its images, which plugins bring: masks, bias fields, alignment."""

from __future__ import annotations

from typing import Any, Protocol

from brainzoo.data.subjects import Subject
from brainzoo.plugin.manager import STEP, plugins
from brainzoo.plugin.part import part_of
from brainzoo.preparation.config import PrepareConfig


class Step(Protocol):
    """Changes a scan; constructed with its spec's configuration.

    Attributes:
        record: All that decides the result: versions, parameters.
    """

    @property
    def record(self) -> dict[str, Any]:
        """Plain values, for ``images.json`` and the fingerprint."""

    def __call__(self, subject: Subject) -> Subject:
        """Return the scan with other images, labels, mask or extent; all at once or on demand."""


def steps_of(config: PrepareConfig) -> dict[str, Step]:
    """Return the steps that were asked for, in order.

    Raises:
        UnknownPluginError: Nothing installed offers one; says which package would.
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
