"""Checkpoints that come inside a plugin's package: from a finished run into its source tree.

Their entries go into brainzoo's own ``registry.yaml``, or into the fragment of another plugin.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import shutil
from collections.abc import Sequence
from pathlib import Path

from brainzoo.checkpoint import load, read_config, refresh_card
from brainzoo.checkpoint.names import SAMPLES
from brainzoo.checkpoint.writing import reference
from brainzoo.common.errors import DiskError, ExistsError, NotFoundError
from brainzoo.common.files import disk_errors, new_folder, write_bytes, write_text
from brainzoo.plugin.manager import KNOWN, plugins
from brainzoo.zoo.cache import damage, package_folder
from brainzoo.zoo.entry import Entry, PackageSource, entry_of
from brainzoo.zoo.gate import GateError, findings
from brainzoo.zoo.push import expect_names, find_verdict, staged
from brainzoo.zoo.registry import SCHEMA, dump_entries, packaged, read_registry

MOST_BYTES = 12_000_000
"""What a checkpoint inside a package may weigh: whoever installs a plugin downloads it."""
SHOWN = {2: 64, 3: 16}
"""Samples of the picture, by spatial rank: of volumes three planes each."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the checkpoints of a plugin and their entries are kept."""

    distribution: str
    package: Path
    registry: Path

    @classmethod
    def of(cls, generator: str) -> Place:
        """Return that of the plugin which offers a generator, in its source tree.

        Raises:
            NotFoundError: The plugin is installed as a wheel: there is no source to add to.
        """
        plugin = plugins().of("generator", generator)
        found = importlib.util.find_spec(plugin.module.partition(".")[0])
        package = Path(found.origin).parent if found and found.origin else Path("?")
        if not any((above / "pyproject.toml").is_file() for above in package.parents[:2]):
            raise NotFoundError(
                f"the source of {plugin.distribution} is not here: it is installed as a wheel.",
                "Add checkpoints in a clone of its repository, installed with pip install -e.",
            )
        ours = plugin.distribution in KNOWN.values()
        registry = packaged() if ours else package / "registry.yaml"
        return cls(plugin.distribution, package, registry)


def add(
    checkpoint: Path, name: str, *, version: str = "1.0.0", replace: bool = False, place: Place
) -> tuple[Path, Entry]:
    """Copy a checkpoint that the gate lets pass into a plugin's package, and list it.

    It gets a picture of the first samples of seed 0, none of them chosen. ``replace`` takes the
    place of another checkpoint of that name: only for what no release holds, for a published
    version never changes.

    Returns:
        The new folder and its entry.

    Raises:
        GateError: There are reasons not to publish it; ``findings`` holds all.
        DiskError: It is too large for a package.
        ExistsError: Another checkpoint of that name is there.
    """
    expect_names(f"any/{name}", version)
    target = place.package / "checkpoints" / name
    with staged(checkpoint, find_verdict(checkpoint)) as copy:
        if against := findings(copy, original=checkpoint):
            raise GateError(against)
        write_bytes(copy / SAMPLES, _picture_of(copy))
        source = _source(place.distribution, target)
        entry = entry_of(copy, name=name, version=version, source=source)
        if entry.size > MOST_BYTES:
            raise DiskError(
                f"the checkpoint has {entry.size / 1e6:.1f} MB; a package holds at most "
                f"{MOST_BYTES / 1e6:g} MB of each.",
                "brainzoo round CHECKPOINT halves its weights; else train a smaller one.",
            )
        others = _entries(place.registry)
        if not replace and any(one.name == name and one != entry for one in others):
            raise ExistsError(
                f"{name} is listed already, with other files.",
                "--replace takes its place, if no release holds it.",
            )
        if entry not in others or damage(target, entry.files):
            shutil.rmtree(target, ignore_errors=True)
            with new_folder(target) as temporary, disk_errors(target):
                for file in entry.files:
                    shutil.copyfile(copy / file, temporary / file)
    _list(place.registry, [entry])
    return target, entry


def enlist(folder: Path, *, distribution: str, version: str = "1.0.0") -> Entry:
    """List a checkpoint that is in a plugin's package already, without any gate."""
    source = _source(distribution, folder.resolve())
    entry = entry_of(folder, name=folder.name, version=version, source=source)
    _list(folder.resolve().parents[1] / "registry.yaml", [entry])
    return entry


def refresh(registry: Path, names: Sequence[str] = ()) -> list[Entry]:
    """Write the model cards of packaged checkpoints anew, and their entries; return what changed.

    For checkpoints that no release holds, after their files or the words of cards changed.
    """
    changed = []
    for old in _entries(registry):
        if isinstance(old.source, PackageSource) and (not names or old.name in names):
            folder = package_folder(old.source)
            refresh_card(folder)
            new = entry_of(folder, name=old.name, version=old.version, source=old.source)
            changed += [new] if new != old else []
    _list(registry, changed)
    return changed


def _source(distribution: str, folder: Path) -> PackageSource:
    package = folder.parents[1].name
    return PackageSource(package=distribution, path=f"{package}/checkpoints/{folder.name}")


def _picture_of(checkpoint: Path) -> bytes:
    """Return the first samples of seed 0 as a PNG file; 64 greys make it half as large."""
    from PIL import Image

    from brainzoo.data.pictures import grid, png_bytes

    dims = len(read_config(checkpoint)["images"]["spatial"])
    shown = grid(reference(load(checkpoint), SHOWN[dims]), columns={2: 8, 3: 4}[dims])
    return png_bytes(Image.open(io.BytesIO(shown)).point([value // 4 * 4 for value in range(256)]))


def _entries(registry: Path) -> list[Entry]:
    return list(read_registry(registry)) if registry.is_file() else []


def _list(registry: Path, new: Sequence[Entry]) -> None:
    """Write a file of entries, its first comment kept; of a name the new one stays."""
    before = _entries(registry)
    if any(entry not in before for entry in new):
        text = registry.read_text(encoding="utf-8") if registry.is_file() else ""
        names = {one.name for one in new}
        entries = sorted([*(e for e in before if e.name not in names), *new], key=lambda e: e.name)
        head = f"{text.partition('schema:')[0]}schema: {SCHEMA}\ncheckpoints:\n"
        write_text(registry, head + dump_entries(entries))
