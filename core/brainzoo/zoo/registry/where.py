"""Where the files of an entry are: on this machine, in an installed package, or on the Hub."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

from brainzoo.common.errors import BrainzooError, IntegrityError, UnknownPluginError
from brainzoo.zoo.registry.schema import Entry, PackageSource


def package_folder(source: PackageSource) -> Path:
    """Return the folder inside an installed distribution; nothing of it is imported.

    Raises:
        UnknownPluginError: The distribution is not installed.
        IntegrityError: It is, but lacks the folder.
    """
    module, _, rest = source.path.partition("/")
    try:
        importlib.metadata.distribution(source.package)
        found = importlib.util.find_spec(module)  # of a top-level name: runs none of its code
    except (importlib.metadata.PackageNotFoundError, ImportError, ValueError):
        found = None
    if found is None or not found.submodule_search_locations:
        raise UnknownPluginError(
            f"the checkpoint is part of {source.package}, which is not installed.",
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


def where(entry: Entry) -> str:
    """Say in words where the files are; they are not read."""
    if isinstance(entry.source, PackageSource):
        try:
            package_folder(entry.source)
        except BrainzooError:
            return f"pip install {entry.source.package}"
        return "in package"
    from brainzoo.zoo.hub import store

    if store.place(entry.name, entry.version, entry.weights_sha256).is_dir():
        return "here"
    return "on the Hub"
