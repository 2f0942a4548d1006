"""Versions of Python, brainzoo, its plugins and what decides their numbers."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform

from brainzoo.plugin.manager import plugins

LIBRARIES = ("torch", "accelerate", "numpy", "nibabel", "safetensors")


def versions() -> dict[str, str]:
    """Return the versions of Python, brainzoo, its plugins and what decides their numbers."""
    found = {"python": platform.python_version()}
    found.update({plugin.distribution: plugin.version for plugin in plugins().all})
    for name in LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
