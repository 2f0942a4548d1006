"""Put the checkpoint of a run into its plugin's package, and list it; for maintainers.

    python tests/ship.py runs/pggan-ixi-001 pggan-ixi-64
    python tests/ship.py --refresh [NAME ...]      after files of packaged checkpoints changed
    python tests/ship.py --audited FOLDER NAME     a later audit of it, whatever it found

What the publish gate refuses is refused, and what has over 12 MB; tests/rounding.py halves the
weights. The files go to checkpoints/NAME in the source of the plugin, with a picture of the first
64 samples of seed 0 (16 in 3-D), none of them chosen. Only for what no release holds: a published
version never changes.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from brainzoo.checkpoint import load, read_config
from brainzoo.checkpoint.names import METRICS, SAMPLES, VERDICT, WEIGHTS
from brainzoo.common.errors import (
    BrainzooError,
    DiskError,
    ExistsError,
    IntegrityError,
    NotFoundError,
)
from brainzoo.common.files import new_folder, sha256, write_bytes, write_text
from brainzoo.data.pictures import grid, png_bytes
from brainzoo.evaluating.results import read_evaluation, to_json
from brainzoo.plugin.manager import KNOWN, plugins
from brainzoo.zoo.cache import package_folder
from brainzoo.zoo.entry import Entry, PackageSource
from brainzoo.zoo.loading import find_checkpoint, generator_of
from brainzoo.zoo.push import GateError, find_verdict, staged
from brainzoo.zoo.registry import enlist, packaged, read_registry
from brainzoo_privacy.gate import findings
from brainzoo_privacy.verdict import read_verdict

MOST_BYTES = 12_000_000
"""What a checkpoint inside a package may weigh: whoever installs a plugin downloads it."""
PUBLIC = ("version", "seed", "metrics", "notes")
"""What a checkpoint tells of an evaluation; tables may name people."""
SHOWN = {2: 64, 3: 16}
"""Samples of the picture, by spatial rank: of volumes three planes each."""


def source_of(generator: str) -> tuple[str, Path, Path]:
    """Return the distribution of a generator, its package's source, and its file of entries."""
    plugin = plugins().of("generator", generator)
    found = importlib.util.find_spec(plugin.module.partition(".")[0])
    package = Path(found.origin).parent if found and found.origin else Path("?")
    if not any((above / "pyproject.toml").is_file() for above in package.parents[:2]):
        raise NotFoundError(
            f"the source of {plugin.distribution} is not here: it is installed as a wheel.",
            "Add checkpoints in a clone of its repository, installed with pip install -e.",
        )
    ours = plugin.distribution in KNOWN.values()
    return plugin.distribution, package, packaged() if ours else package / "registry.yaml"


def ship(
    checkpoint: Path,
    name: str,
    place: tuple[str, Path, Path],
    *,
    version: str = "1.0.0",
    replace: bool = False,
) -> Entry:
    """Copy a checkpoint that the gate lets pass into a package, and list it."""
    distribution, package, registry = place
    target = package / "checkpoints" / name
    listed = {one.name for one in read_registry(registry)} if registry.is_file() else set()
    if not replace and (name in listed or target.exists()):
        raise ExistsError(f"{name} is there already.", "--replace, if no release holds it.")
    with staged(checkpoint, find_verdict(checkpoint)) as copy:
        if against := findings(copy, original=checkpoint):
            raise GateError([*map(str, against)])
        write_bytes(copy / SAMPLES, picture_of(copy))
        size = sum(path.stat().st_size for path in copy.iterdir())
        if size > MOST_BYTES:
            raise DiskError(
                f"the checkpoint has {size / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:g} MB ship.",
                "tests/rounding.py halves its weights; else train a smaller one.",
            )
        shutil.rmtree(target, ignore_errors=True)
        with new_folder(target) as temporary:
            shutil.copytree(copy, temporary, dirs_exist_ok=True)
    return enlist(target, distribution=distribution, version=version, registry=registry)


def refresh(registry: Path, names: Sequence[str] = ()) -> list[Entry]:
    """Write cards and entries of packaged checkpoints anew; return what changed."""
    changed = []
    for old in read_registry(registry):
        if isinstance(old.source, PackageSource) and (not names or old.name in names):
            folder, version = package_folder(old.source), old.version
            how = {"distribution": old.source.package, "version": version}
            new = enlist(folder, registry=registry, **how)
            changed += [new] if new != old else []
    return changed


def audited(folder: Path, name: str, registry: Path) -> Entry:
    """Put a later verdict into a packaged checkpoint, whose weights stay as they are.

    ``folder`` holds what ``brainzoo evaluate privacy --out FOLDER`` found of its samples and the
    images that it learned from. These are the same if pixels and people are, whatever fingerprint
    a newer preparation gives them; the verdict keeps the one that the checkpoint names.
    """
    [old] = [one for one in read_registry(registry) if one.name == name]
    assert isinstance(old.source, PackageSource)
    target, found = package_folder(old.source), read_verdict(folder)
    before = read_verdict(target / VERDICT)
    if found.synthetic.checkpoint_sha256 != sha256(target / WEIGHTS):
        raise IntegrityError(f"{folder} judges other weights than those of {name}.")
    if found.train.sha256 != before.train.sha256:
        raise IntegrityError(f"{folder} compared with other images than {name} learned from.")
    train = found.train.model_copy(update={"fingerprint": before.train.fingerprint})
    write_bytes(target / VERDICT, found.model_copy(update={"train": train}).to_bytes())
    metrics = json.loads((target / METRICS).read_text(encoding="utf-8"))
    measured = read_evaluation(folder)["evaluators"]["privacy"]
    metrics["evaluators"]["privacy"] = {key: measured[key] for key in PUBLIC}
    write_text(target / METRICS, to_json(metrics))
    how = {"distribution": old.source.package, "version": old.version}
    return enlist(target, registry=registry, **how)


def picture_of(checkpoint: Path) -> bytes:
    """Return the first samples of seed 0 as a PNG file; 64 greys make it half as large."""
    dims = len(read_config(checkpoint)["images"]["spatial"])
    shown = grid(load(checkpoint).images(SHOWN[dims]), columns={2: 8, 3: 4}[dims])
    return png_bytes(Image.open(io.BytesIO(shown)).point([value // 4 * 4 for value in range(256)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", metavar="RUN NAME")
    parser.add_argument("--version", default="1.0.0")
    parser.add_argument("--replace", action="store_true", help="what was never released")
    parser.add_argument("--audited", type=Path, metavar="FOLDER", help="a later audit of NAME")
    parser.add_argument("--refresh", action="store_true", help="write cards and entries anew")
    given = parser.parse_args()
    try:
        if given.refresh:
            print(*(entry.address for entry in refresh(packaged(), given.words)), sep="\n")
            return
        if given.audited:
            print(*(audited(given.audited, one, packaged()).address for one in given.words))
            return
        run, name = given.words
        how = {"version": given.version, "replace": given.replace}
        print(ship(find_checkpoint(run), name, source_of(generator_of(run)), **how).address)
    except GateError as error:
        sys.exit("\n".join(map(str, error.findings)))
    except BrainzooError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
