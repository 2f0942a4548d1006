"""Checkpoints that come inside a plugin's package: from a finished run into its source tree.

What ships is what the publish gate passes, with a picture of the first samples of seed 0, none of
them chosen. Its entry goes into brainzoo's own ``registry.yaml``, or into the fragment of a plugin
from elsewhere.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import shutil
from pathlib import Path

from brainzoo.checkpoint.names import SAMPLES
from brainzoo.common.errors import DataError, DiskError, ExistsError, NotFoundError
from brainzoo.common.files import disk_errors, new_folder, sha256, write_bytes, write_text
from brainzoo.zoo.registry import merge
from brainzoo.zoo.registry.entry import entry_of
from brainzoo.zoo.registry.parse import dump_registry, read_registry
from brainzoo.zoo.registry.schema import Entry, PackageSource, RegistryFile

MOST_BYTES = 12_000_000
"""What a checkpoint inside a package may weigh: whoever installs a plugin downloads it."""
MOST_PICTURE_BYTES = 300_000
SHOWN = {2: 64, 3: 16}
"""Samples of the picture, by spatial rank: of volumes three planes each."""


@dataclasses.dataclass(frozen=True)
class Added:
    """What became of a checkpoint.

    Attributes:
        entry: As the registry lists it.
        folder: Where its files are.
        registry: The file that lists it.
        new: Whether anything was written: not if the same files are there already.
    """

    entry: Entry
    folder: Path
    registry: Path
    new: bool


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
        from brainzoo.plugin.manager import PACKAGES, plugins

        plugin = plugins().of("generator", generator)
        found = importlib.util.find_spec(plugin.module.partition(".")[0])
        package = Path(found.origin).parent if found and found.origin else Path("?")
        if not any((above / "pyproject.toml").is_file() for above in package.parents[:2]):
            raise NotFoundError(
                f"the source of {plugin.distribution} is not here: it is installed as a wheel.",
                "Add checkpoints in a clone of its repository, installed with pip install -e.",
            )
        ours = plugin.distribution in PACKAGES.values()
        return cls(
            plugin.distribution, package, merge.packaged() if ours else package / "registry.yaml"
        )


def add(
    run: Path, name: str, *, version: str = "1.0.0", replace: bool = False, place: Place
) -> Added:
    """Copy the checkpoint of a run into a plugin's package, and list it.

    Args:
        run: A run with its privacy verdict, or a checkpoint folder that holds one.
        name: What people will type.
        version: ``X.Y.Z``.
        replace: Take the place of another checkpoint of that name. Only for what no release holds:
            a published version never changes.
        place: The package and the file of entries.

    Raises:
        GateError: Something speaks against publishing it; ``findings`` holds all.
        DiskError: It is too large for a package.
        ExistsError: Another checkpoint of that name is there.
    """
    from brainzoo.zoo.hub.gate import GateError, findings
    from brainzoo.zoo.hub.push import expect_names, find_verdict, staged
    from brainzoo.zoo.loading import find_checkpoint

    expect_names(f"any/{name}", version)
    checkpoint = find_checkpoint(run)
    target = place.package / "checkpoints" / name
    with staged(checkpoint, find_verdict(checkpoint, None) or _own_verdict(checkpoint)) as copy:
        if against := findings(copy, original=checkpoint):
            raise GateError(against)
        write_bytes(copy / SAMPLES, picture_of(copy))
        source = PackageSource(
            package=place.distribution, path=f"{place.package.name}/checkpoints/{name}"
        )
        entry = entry_of(copy, name=name, version=version, source=source)
        if entry.size > MOST_BYTES:
            raise DiskError(
                f"the checkpoint has {entry.size / 1e6:.1f} MB; a package holds at most "
                f"{MOST_BYTES / 1e6:g} MB of each.",
                "brainzoo round RUN halves its weights; else train a smaller one.",
            )
        registry = _with(place.registry, entry, replace)
        if registry is None and _holds(target, entry):
            return Added(entry, target, place.registry, new=False)
        shutil.rmtree(target, ignore_errors=True)
        with new_folder(target) as temporary, disk_errors(target):
            for file in entry.files:
                shutil.copyfile(copy / file, temporary / file)
    if registry is not None:
        write_text(place.registry, registry)
    return Added(entry, target, place.registry, new=True)


def picture_of(checkpoint: Path) -> bytes:
    """Return the first samples of seed 0 as a small PNG file: as many greys and pixels as fit."""
    from PIL import Image

    from brainzoo.checkpoint import load, read_config
    from brainzoo.checkpoint.writing import reference
    from brainzoo.data.pictures import grid, png_bytes

    dims = len(read_config(checkpoint)["images"]["spatial"])
    whole = grid(reference(load(checkpoint), SHOWN[dims]), columns={2: 8, 3: 4}[dims])
    for size in (1.0, 0.75, 0.5):
        shape = (round(whole.width * size), round(whole.height * size))
        picture = whole if size == 1 else whole.resize(shape, Image.Resampling.LANCZOS)
        for levels in (256, 64):
            step = 256 // levels
            found = png_bytes(picture.point([value // step * step for value in range(256)]))
            if len(found) <= MOST_PICTURE_BYTES:
                return found
    raise DataError(f"a picture of {SHOWN[dims]} samples has over {MOST_PICTURE_BYTES} bytes.")


def _own_verdict(checkpoint: Path) -> Path | None:
    from brainzoo.checkpoint.names import VERDICT

    return checkpoint / VERDICT if (checkpoint / VERDICT).is_file() else None


def _holds(folder: Path, entry: Entry) -> bool:
    """Tell whether a folder holds the files of an entry."""
    return all(
        (folder / name).is_file() and sha256(folder / name) == record.sha256
        for name, record in entry.files.items()
    )


def _with(path: Path, entry: Entry, replace: bool) -> str | None:
    """Return the content of a file of entries with one more; ``None`` if it lists that already."""
    head, serial, listed = "", 0, []
    if path.is_file():
        text = path.read_text(encoding="utf-8")
        head = text[: max(0, text.find("schema:"))]
        found = read_registry(path)
        serial, listed = found.serial, list(found.checkpoints)
    if entry in listed:
        return None
    others = [one for one in listed if one.name == entry.name]
    if others and not replace:
        raise ExistsError(
            f"{others[0].reference} is listed already, with other files.",
            "--replace takes its place, if no release holds it. A released one first moves to the "
            "Hub: brainzoo push --registry.",
        )
    kept = [*(one for one in listed if one.name != entry.name), entry]
    kept.sort(key=lambda one: one.name)
    registry = RegistryFile.model_validate(
        {"schema": 1, "serial": serial + 1, "checkpoints": tuple(kept)}
    )
    return head + dump_registry(registry)
