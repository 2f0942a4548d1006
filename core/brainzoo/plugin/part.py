"""What a user chose by name: a plugin's offer, with its configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainzoo.plugin.interfaces import Dataset, Spec
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.options import make_config, plain


@dataclasses.dataclass(frozen=True)
class Part:
    """Something a plugin brings, by its name, with its configuration."""

    name: str
    config: Any

    @property
    def options(self) -> dict[str, Any]:
        """The configuration as plain values."""
        return plain(self.config) if self.config is not None else {}


def part_of(spec: Spec, values: Mapping[str, Any]) -> Part:
    """Make the configuration of what a plugin brings; its files are found again from any folder."""
    config: Any = make_config(spec.config, values, f"option of {spec.name}")
    return Part(spec.name, absolute(config))


def absolute(config: Any) -> Any:
    """Return a configuration whose paths no longer depend on the folder one is in."""
    paths = {k: v.expanduser().absolute() for k, v in vars(config).items() if isinstance(v, Path)}
    return dataclasses.replace(config, **paths)


def dataset(name: str, **options: Any) -> Dataset:
    """Return an installed dataset, for another one to build upon."""
    config = part_of(plugins().get("dataset", name), options).config
    made: Dataset = plugins().load("dataset", name)(config)
    return made
