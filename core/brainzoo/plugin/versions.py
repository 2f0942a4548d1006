"""Versions of Python, brainzoo, its plugins and what decides their numbers."""

from __future__ import annotations

import importlib.metadata
import platform

from brainzoo.plugin.manager import plugins

LIBRARIES = ("torch", "accelerate", "numpy", "nibabel", "safetensors")


def versions() -> dict[str, str]:
    """Return the versions of Python, brainzoo, its plugins and what decides their numbers."""
    found = {"python": platform.python_version()}
    found.update({plugin.distribution: plugin.version for plugin in plugins().all})
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
