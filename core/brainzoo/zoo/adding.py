"""Checkpoints that come inside a plugin's package: from a finished run into its source tree.

What ships is what the publish gate passes, with a picture of the first samples of seed 0, none of
them chosen. Its entry goes into brainzoo's own ``registry.yaml``, or into the fragment of a plugin
from elsewhere.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import itertools
import shutil
from pathlib import Path

from brainzoo.checkpoint import load, read_config, refresh_card
from brainzoo.checkpoint.names import SAMPLES
from brainzoo.checkpoint.writing import reference
from brainzoo.common.errors import DataError, DiskError, ExistsError, NotFoundError
from brainzoo.common.files import disk_errors, new_folder, write_bytes, write_text
from brainzoo.plugin.manager import KNOWN, plugins
from brainzoo.zoo.cache import damage, package_folder
from brainzoo.zoo.entry import Entry, PackageSource, entry_of
from brainzoo.zoo.gate import GateError, findings
from brainzoo.zoo.push import expect_names, find_verdict, staged
from brainzoo.zoo.registry import packaged
from brainzoo.zoo.registry_file import RegistryFile, dump_registry, read_registry

MOST_BYTES = 12_000_000
"""What a checkpoint inside a package may weigh: whoever installs a plugin downloads it."""
MOST_PICTURE_BYTES = 300_000
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
    """Copy a checkpoint into a plugin's package, and list it; return the new folder and its entry.

    Args:
        checkpoint: In a run with its privacy verdict, or with one of its own.
        name: What people will type.
        version: ``X.Y.Z``.
        replace: Take the place of another checkpoint of that name. Only for what no release holds:
            a published version never changes.
        place: The package and the file of entries.

    Raises:
        GateError: There are reasons not to publish it; ``findings`` holds all.
        DiskError: It is too large for a package.
        ExistsError: Another checkpoint of that name is there.
    """
    expect_names(f"any/{name}", version)
    target = place.package / "checkpoints" / name
    with staged(checkpoint, find_verdict(checkpoint, None)) as copy:
        if against := findings(copy, original=checkpoint):
            raise GateError(against)
        write_bytes(copy / SAMPLES, picture_of(copy))
        inside = f"{place.package.name}/checkpoints/{name}"
        source = PackageSource(package=place.distribution, path=inside)
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
                "--replace takes its place, if no release holds it. A released one first moves to "
                "the Hub: brainzoo push --registry.",
            )
        if entry not in others or damage(target, entry.files):
            shutil.rmtree(target, ignore_errors=True)
            with new_folder(target) as temporary, disk_errors(target):
                for file in entry.files:
                    shutil.copyfile(copy / file, temporary / file)
    if entry not in others:
        _write(place.registry, [*(one for one in others if one.name != name), entry])
    return target, entry


def enlist(folder: Path, *, distribution: str, version: str = "1.0.0") -> Entry:
    """List a checkpoint that is in a plugin's package already, without any gate."""
    package, name = folder.resolve().parents[1], folder.name
    source = PackageSource(package=distribution, path=f"{package.name}/checkpoints/{name}")
    entry = entry_of(folder, name=name, version=version, source=source)
    registry = package / "registry.yaml"
    _write(registry, [*(one for one in _entries(registry) if one.name != name), entry])
    return entry


def refresh(registry: Path, names: tuple[str, ...] = ()) -> list[Entry]:
    """Write the model cards of packaged checkpoints anew, and their entries; return what changed.

    For checkpoints that no release holds, after their files or the words of cards changed.
    """
    changed = []
    entries = _entries(registry)
    for number, old in enumerate(entries):
        if not isinstance(old.source, PackageSource) or (names and old.name not in names):
            continue
        folder = package_folder(old.source)
        refresh_card(folder)
        new = entry_of(folder, name=old.name, version=old.version, source=old.source)
        if new != old:
            entries[number] = new
            changed.append(new)
    if changed:
        _write(registry, entries, raised=0)
    return changed


def picture_of(checkpoint: Path) -> bytes:
    """Return the first samples of seed 0 as a small PNG file: as many greys and pixels as fit."""
    from PIL import Image, ImageOps

    from brainzoo.data.pictures import grid, png_bytes

    dims = len(read_config(checkpoint)["images"]["spatial"])
    shown = grid(reference(load(checkpoint), SHOWN[dims]), columns={2: 8, 3: 4}[dims])
    whole = Image.open(io.BytesIO(shown))
    for size, levels in itertools.product((1.0, 0.75, 0.5), (256, 64)):
        picture = ImageOps.scale(whole, size) if size < 1 else whole
        step = 256 // levels
        found = png_bytes(picture.point([value // step * step for value in range(256)]))
        if len(found) <= MOST_PICTURE_BYTES:
            return found
    raise DataError(f"a picture of {SHOWN[dims]} samples has over {MOST_PICTURE_BYTES} bytes.")


def _entries(registry: Path) -> list[Entry]:
    return list(read_registry(registry).checkpoints) if registry.is_file() else []


def _write(registry: Path, entries: list[Entry], raised: int = 1) -> None:
    """Write a file of entries; its first comment stays, its serial rises."""
    head, serial = "", 0
    if registry.is_file():
        text = registry.read_text(encoding="utf-8")
        head, serial = text[: max(0, text.find("schema:"))], read_registry(registry).serial
    entries = sorted(entries, key=lambda one: one.name)
    content = {"schema": 1, "serial": serial + raised, "checkpoints": tuple(entries)}
    write_text(registry, head + dump_registry(RegistryFile.model_validate(content)))
