"""Where the files of an entry are on this machine, if they are."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

from brainzoo.errors import IncompatiblePluginError, IntegrityError
from brainzoo.registry.schema import PackageSource


def package_folder(source: PackageSource) -> Path:
    """Return the folder inside an installed distribution; nothing of it is imported.

    Raises:
        IncompatiblePluginError: The distribution is not installed.
        IntegrityError: It is, but lacks the folder.
    """
    module, _, rest = source.path.partition("/")
    try:
        importlib.metadata.distribution(source.package)
        found = importlib.util.find_spec(module)
    except (importlib.metadata.PackageNotFoundError, ImportError, ValueError):
        found = None
    if found is None or not found.submodule_search_locations:
        raise IncompatiblePluginError(
            f"{source.package} is not installed; the checkpoint is part of it.",
            f"Install it with: pip install {source.package}",
        )
    for place in found.submodule_search_locations:
        folder = Path(place) / rest
        if folder.is_dir():
            return folder
    raise IntegrityError(
        f"{source.package} is installed, but holds no {source.path}.",
        f"Try: pip install --force-reinstall {source.package}",
    )
