"""Public names that are imported when they are first used: ``import brainzoo`` stays instant."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

IMPORT = re.compile(r"^    from (\S+) import (\w+) as \2$", re.MULTILINE)


def lazily(module: str) -> tuple[Callable[[str], Any], list[str]]:
    """Return ``__getattr__`` and ``__all__`` for the imports in a module's ``TYPE_CHECKING`` block.

    The block, one ``from MODULE import NAME as NAME`` a line, is read from the source: type
    checkers and the interpreter see the same names, and no second table has to agree with it.
    """
    source = Path(str(sys.modules[module].__file__)).read_text(encoding="utf-8")
    places = {name: place for place, name in IMPORT.findall(source)}

    def getattr_(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        found = importlib.import_module(places[name])
        if not hasattr(found, name):
            return importlib.import_module(f"{places[name]}.{name}")
        return getattr(found, name)

    return getattr_, sorted(places)
