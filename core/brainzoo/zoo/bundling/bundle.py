"""A checkpoint with the wheels that run it, as one file for a machine without internet.

``manifest.json`` comes first and lists every other file with size and SHA-256; ``SHA256SUMS`` says
the same for ``sha256sum -c``. The hashes show damage; who sent a bundle must be known otherwise.
"""

from __future__ import annotations

import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainzoo.checkpoint.names import CONFIG, MAX_BYTES
from brainzoo.common import console
from brainzoo.common.errors import ExistsError
from brainzoo.common.files import disk_errors, new_folder, sha256, sync
from brainzoo.common.version import DISTRIBUTION
from brainzoo.preparation.request import remove_abandoned
from brainzoo.zoo.address import Named, OnHub, parse
from brainzoo.zoo.bundling.wheels import download_dependencies, wheel_of
from brainzoo.zoo.hub.pulling import expect_checkpoint, pull

KIND = "brainzoo bundle"
SCHEMA = 1
MANIFEST, SUMS, README, REQUIREMENTS = (
    "manifest.json",
    "SHA256SUMS",
    "README.txt",
    "requirements.txt",
)
WHEEL = r"wheels/[A-Za-z0-9_.]+-[A-Za-z0-9_.!+]+(?:-\d\w*)?-[\w.]+-[\w.]+-[\w.]+\.whl"


def find(reference: str, **access: Any) -> tuple[Path, str, str]:
    """Return the folder of a checkpoint with the name and version under which it is kept.

    Args:
        reference: A name of the registry, a commit on the Hub, or a checkpoint or run folder.
        access: As :func:`brainzoo.zoo.hub.pull` takes it.
    """
    wanted = parse(reference)
    if isinstance(wanted, Named):
        from brainzoo.zoo.registry import find as find_entry

        entry = find_entry(reference)
        return pull(entry, **access), entry.name, entry.version
    if isinstance(wanted, OnHub):
        return pull(reference, **access), wanted.repository.replace("/", "--"), wanted.revision
    inner = wanted.path / "checkpoint"
    folder = inner if (inner / CONFIG).is_file() else wanted.path
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted.path.resolve().name).strip("-._")
    return folder, name or "checkpoint", "0.0.0"


def bundle(
    checkpoint: Path,
    out: Path,
    *,
    name: str,
    version: str,
    with_dependencies: bool = False,
    platform: str | None = None,
    python: str | None = None,
) -> Path:
    """Write a checkpoint with the wheels of brainzoo and its plugin.

    Args:
        checkpoint: The folder.
        out: The new bundle: a tar file if its name ends with ``.tar``, else a folder.
        name: Under which it will be kept there; as in the registry, so that it is found by name.
        version: Likewise.
        with_dependencies: Fetch all other wheels with pip too; with torch these are large.
        platform: For which machine, if not for one as this, such as ``win_amd64``.
        python: For which Python, if not for this one, such as ``3.12``.

    Raises:
        ExistsError: There is something at ``out`` already.
        UnknownPluginError: The plugin is not installed here, so that its wheel cannot be made.
        NetworkError: pip could not fetch the dependencies.
        IntegrityError: The checkpoint or an installed package is damaged.
    """
    if out.exists():
        raise ExistsError(f"{out} exists already.", "Choose another with --out, or remove it.")
    expect_checkpoint(checkpoint, str(checkpoint))
    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    plugin = str(config["plugin"]["distribution"])
    out.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(out)
    with (
        disk_errors(out),
        tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.", suffix=".part") as here,
    ):
        folder = Path(here) / "bundle"
        (folder / "checkpoint").mkdir(parents=True)
        (folder / "wheels").mkdir()
        for file in MAX_BYTES:
            if (checkpoint / file).is_file():
                shutil.copyfile(checkpoint / file, folder / "checkpoint" / file)
        console.note(f"making the wheels of brainzoo and {plugin}")
        wheels = [wheel_of(of, folder / "wheels") for of in dict.fromkeys([DISTRIBUTION, plugin])]
        if with_dependencies:
            console.note("fetching what they depend on with pip; with torch this takes minutes")
            download_dependencies(wheels, folder / "wheels", platform=platform, python=python)
        about = {"name": name, "version": version, "dependencies": with_dependencies}
        console.note(f"writing {out}")
        _describe(folder, about)
        if out.suffix == ".tar":
            _pack(folder, Path(here) / "bundle.tar")
            (Path(here) / "bundle.tar").rename(out)
            sync(out.parent)
        else:
            with new_folder(out) as temporary:
                shutil.copytree(folder, temporary, dirs_exist_ok=True)
    return out


def _describe(folder: Path, about: Mapping[str, Any]) -> None:
    """Write requirements, README, manifest and sums of a bundle's folder."""
    wheels = sorted((folder / "wheels").glob("*.whl"))
    listing = requirements({f"wheels/{path.name}": sha256(path) for path in wheels})
    (folder / REQUIREMENTS).write_text(listing)
    (folder / README).write_text(_readme(about), encoding="utf-8")
    files = {
        path.relative_to(folder).as_posix(): {"sha256": sha256(path), "size": path.stat().st_size}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    content = {"kind": KIND, "schema": SCHEMA, **about, "files": files}
    (folder / MANIFEST).write_text(json.dumps(content, indent=2) + "\n")
    listed = {**{n: f["sha256"] for n, f in files.items()}, MANIFEST: sha256(folder / MANIFEST)}
    sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(listed.items()))
    (folder / SUMS).write_text(sums)


def _readme(about: Mapping[str, Any]) -> str:
    more = "" if about["dependencies"] else " --no-deps"
    lacking = (
        ""
        if about["dependencies"]
        else "The wheels of brainzoo and its plugin are here; what they depend on must be there\n"
        "already, or be brought with: brainzoo bundle --with-dependencies.\n\n"
    )
    return f"""{about["name"]} {about["version"]}: a checkpoint with the wheels that run it.

{lacking}On the machine without internet, in this folder:

    sha256sum -c SHA256SUMS
    python -m pip install --no-index --find-links wheels --require-hashes{more} -r {REQUIREMENTS}
    brainzoo unbundle .

The sums show damage on the way, not who made this bundle.
"""


def _pack(folder: Path, target: Path) -> None:
    """Write a tar file that depends on the content alone; the manifest comes first."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    names.sort(key=lambda name: name != MANIFEST)
    with tarfile.open(target, "w:", format=tarfile.PAX_FORMAT) as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mode = (folder / name).stat().st_size, 0o644
            with (folder / name).open("rb") as file:
                tar.addfile(member, file)
    sync(target)


def is_wheel(name: str) -> bool:
    """Tell whether a bundle may hold a wheel of that name."""
    return re.fullmatch(WHEEL, name) is not None


def requirements(wheels: Mapping[str, str]) -> str:
    """Return what pip is to install: wheels by name, with their SHA-256."""
    return "".join(f"{package(n)} --hash=sha256:{digest}\n" for n, digest in sorted(wheels.items()))


def package(wheel: str) -> str:
    """Return ``name==version`` of a wheel's file name."""
    name, version = wheel.removeprefix("wheels/").split("-")[:2]
    return f"{name.replace('_', '-')}=={version}"
