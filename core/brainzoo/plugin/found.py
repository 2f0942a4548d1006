"""Which installed distributions say that they have plugins; remembered between commands.

Python's own search reads the metadata of everything installed, a fifth of the time that a command
needs to start. Installing or removing anything changes the folder that it lies in.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import sys
import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from brainzoo.common.home import home
from brainzoo.common.version import DISTRIBUTION

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "brainzoo"
SETTLED_NS = 10 * 10**9
"""A folder that changed less long ago may be in the middle of an installation."""


@dataclasses.dataclass(frozen=True)
class Found:
    """An entry point; ``requires`` are the lines of its distribution that are about the core."""

    name: str
    module: str
    distribution: str = "unknown"
    version: str = "unknown"
    requires: tuple[str, ...] = ()

    @classmethod
    def of(cls, entry_point: EntryPoint) -> Found:
        """Return what is asked of an entry point."""
        about = entry_point.dist.metadata if entry_point.dist else None
        if about is None:
            return cls(entry_point.name, entry_point.value)
        lines = (
            one for one in about.get_all("Requires-Dist") or () if one.startswith(DISTRIBUTION)
        )
        return cls(entry_point.name, entry_point.value, about["Name"], about["Version"], (*lines,))

    def load(self) -> ModuleType:
        """Import the plugin's module."""
        return importlib.import_module(self.module)


def entry_points() -> Iterable[Found]:
    """Return the entry points of plugins."""
    folders = {path: Path(path).stat().st_mtime_ns for path in sys.path if Path(path).is_dir()}
    memory = home() / "plugins" / f"{zlib.crc32(repr([*folders]).encode()):08x}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(memory.read_bytes())
        if kept["folders"] == folders:
            return [Found(**one) for one in kept["found"]]
    from importlib import metadata

    found = [Found.of(one) for one in metadata.entry_points(group=GROUP)]
    if time.time_ns() - max(folders.values(), default=0) > SETTLED_NS:
        with contextlib.suppress(OSError):
            from brainzoo.common.files import write_bytes

            content = {"folders": folders, "found": [dataclasses.asdict(one) for one in found]}
            write_bytes(memory, json.dumps(content).encode(), synced=False)
    return found
