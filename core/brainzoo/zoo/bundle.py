"""A checkpoint as one file for a machine without internet, if wanted with the wheels that run it.

A tar file: ``manifest.json`` comes first and lists every other file with size and SHA-256. The
hashes show damage; who sent a bundle must be known otherwise.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from brainzoo.checkpoint.names import MAX_BYTES, WEIGHTS
from brainzoo.checkpoint.reading import folder_of, read_config
from brainzoo.common import console
from brainzoo.common.downloads.web import clean
from brainzoo.common.errors import (
    ExistsError,
    IncompatiblePluginError,
    IntegrityError,
    NetworkError,
    NotFoundError,
)
from brainzoo.common.files import disk_errors, settle, sha256, sync
from brainzoo.common.locks import locked
from brainzoo.common.strict import Strict, exactly, plain_json, validated
from brainzoo.zoo.address import REVISION, Folder, OnHub, parse
from brainzoo.zoo.cache import damage, place, root
from brainzoo.zoo.entry import FileRecord
from brainzoo.zoo.pull import expect_checkpoint, pull
from brainzoo.zoo.registry import known

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 1_000_000
PATH = re.compile(
    rf"checkpoint/(?:{'|'.join(map(re.escape, MAX_BYTES))})"
    r"|wheels/[A-Za-z0-9_.]+-[A-Za-z0-9_.!+]+(?:-\d\w*)?-[\w.]+-[\w.]+-[\w.]+\.whl"
)
"""What a bundle may hold: no other name can lead anywhere else."""

Word = Annotated[str, Field(pattern=exactly("[A-Za-z0-9][A-Za-z0-9._-]{0,120}"))]


class Manifest(Strict):
    """What ``manifest.json`` holds: under which name and version the checkpoint is kept."""

    kind: Literal["brainzoo bundle"] = "brainzoo bundle"
    name: Word
    version: Word
    distribution: Word
    files: Annotated[dict[str, FileRecord], Field(max_length=1000)]


def bundle(
    address: str,
    out: Path,
    *,
    wheels: bool = False,
    find_links: Sequence[str] = (),
    platform: str | None = None,
    python: str | None = None,
    token: str | None = None,
) -> Path:
    """Write a checkpoint as one file; pip fetches wheels, from ``find_links`` too.

    Raises:
        ExistsError: There is something at ``out`` already.
        NetworkError: pip could not fetch the wheels.
        IntegrityError: The checkpoint is damaged.
    """
    if out.exists():
        raise ExistsError(f"{out} exists already.", "Choose another with --out, or remove it.")
    checkpoint, name, version = _found(address, token)
    expect_checkpoint(checkpoint, address)
    plugin = read_config(checkpoint)["plugin"]
    out.parent.mkdir(parents=True, exist_ok=True)
    with disk_errors(out), tempfile.TemporaryDirectory(dir=out.parent, prefix=".") as here:
        files = {f"checkpoint/{n}": checkpoint / n for n in MAX_BYTES if (checkpoint / n).is_file()}
        if wheels:
            console.note("fetching wheels with pip; with torch this takes minutes")
            options = [("--find-links", place) for place in find_links]
            options += [("--platform", platform)] if platform else []
            options += [("--python-version", python)] if python else []
            words = ["download", "--dest", here, "--only-binary", ":all:", *sum(options, ())]
            if reason := _pip([*words, f"{plugin['distribution']}{plugin['requires']}"]):
                raise NetworkError(
                    f"pip could not fetch the wheels: {reason}.",
                    "Check the connection; --find-links FOLDER adds wheels of your own.",
                )
            files |= {f"wheels/{path.name}": path for path in sorted(Path(here).glob("*.whl"))}
        manifest = Manifest(
            name=name,
            version=version,
            distribution=plugin["distribution"],
            files={
                n: FileRecord(size=p.stat().st_size, sha256=sha256(p)) for n, p in files.items()
            },
        )
        (Path(here) / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
        packed = Path(here) / "bundle"
        with tarfile.open(packed, "w:", format=tarfile.PAX_FORMAT) as tar:
            for name, path in {MANIFEST: Path(here) / MANIFEST, **files}.items():
                member = tarfile.TarInfo(name)  # no dates or owners: the same files, the same bytes
                member.size, member.mode = path.stat().st_size, 0o644
                with path.open("rb") as file:
                    tar.addfile(member, file)
        sync(packed)
        packed.rename(out)
        sync(out.parent)
    return out


def unbundle(path: Path, *, install: bool = False, digest: str | None = None) -> Path:
    """Check a bundle, keep its checkpoint where it is found by name, and return the folder.

    Wheels are installed from the bundle only; ``digest`` is what its maker says its SHA-256 is.

    Raises:
        NotFoundError: No such bundle.
        IntegrityError: It is damaged, is something else, or holds what no bundle holds.
        IncompatiblePluginError: pip refused the wheels.
        DiskError: There is too little space.
    """
    if not path.is_file():
        raise NotFoundError(f"there is no bundle {path}.")
    if digest is not None and sha256(path) != digest.strip().lower():
        raise IntegrityError(
            f"the SHA-256 of {path} is not {digest[:64]}: it is another "
            "bundle, or was changed on its way.",
            "Do not use it; ask for it again.",
        )
    root().mkdir(parents=True, exist_ok=True)
    with disk_errors(root()), tempfile.TemporaryDirectory(dir=root(), prefix=".unbundle.") as here:
        manifest = _unpack(path, Path(here))
        if re.fullmatch(REVISION, manifest.version) and digest is None:
            said = f"this bundle does not prove that it holds {manifest.name} at that commit"
            console.warn(f"{said}: compare --sha256 with what its maker gave you.")
        expect_checkpoint(Path(here) / "checkpoint", f"{manifest.name} of the bundle")
        folder = _keep(Path(here) / "checkpoint", manifest)
        if install:
            words = ["install", "--no-index", "--find-links", str(Path(here) / "wheels")]
            if reason := _pip([*words, manifest.distribution]):
                raise IncompatiblePluginError(
                    f"the wheels do not suit this Python: {reason}.",
                    "Make the bundle with --wheels --platform --python-version of this machine.",
                )
    return folder


def _found(address: str, token: str | None) -> tuple[Path, str, str]:
    """Return the folder of a checkpoint with the name and version under which it is kept."""
    found = parse(address)
    if isinstance(found, Folder):
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", found.path.resolve().name).strip("-._")
        return folder_of(found.path), name or "checkpoint", "0.0.0"
    if isinstance(found, OnHub):
        folder = pull(address, token=token)
        return folder, found.repository.replace("/", "--"), found.revision
    entry = known().get(found.name, found.version)
    return pull(entry, token=token), entry.name, entry.version


def _unpack(path: Path, folder: Path) -> Manifest:
    """Copy what the manifest lists, nothing else, comparing size and SHA-256 of all."""
    (folder / "checkpoint").mkdir()
    (folder / "wheels").mkdir()
    manifest, missing = None, set[str]()
    try:
        with tarfile.open(path, "r:") as tar:  # no compression: what it holds is not more than it
            for member in tar:
                file = tar.extractfile(member) if member.isreg() and not member.issparse() else None
                if manifest is None:
                    if file is None or member.name != MANIFEST:
                        raise ValueError(f"{MANIFEST} does not come first")
                    manifest = _manifest(file.read(MAX_MANIFEST_BYTES + 1))
                    missing = set(manifest.files)
                    continue
                if file is None or member.name not in missing:
                    raise ValueError(f"{member.name[:100]!r} is not in the manifest")
                missing.remove(member.name)
                with (folder / member.name).open("xb") as target:
                    shutil.copyfileobj(file, target, 1 << 20)
                if damage(folder, {member.name: manifest.files[member.name]}):
                    raise ValueError(f"{member.name} is damaged: its SHA-256 differs")
        if manifest is None or missing:
            raise ValueError(f"it lacks {min(missing, default=MANIFEST)}")
    except (tarfile.TarError, EOFError, ValueError) as error:
        said = clean(str(error)).rstrip(".")
        raise IntegrityError(f"{path} is refused: {said}.", "Nothing of it was kept.") from error
    return manifest


def _manifest(content: bytes) -> Manifest:
    manifest = validated(Manifest, plain_json(content))
    for name in (f"checkpoint/{WEIGHTS}", *manifest.files):
        if not PATH.fullmatch(name) or name not in manifest.files:
            raise ValueError(f"{name[:100]!r} is missing, or is not a file of bundles")
    return manifest


def _keep(folder: Path, manifest: Manifest) -> Path:
    """Move the checkpoint into the cache, unless it is there already."""
    records = {
        name.removeprefix("checkpoint/"): file
        for name, file in manifest.files.items()
        if name.startswith("checkpoint/")
    }
    target = place(manifest.name, manifest.version, records[WEIGHTS].sha256)
    with locked(target):
        if target.is_dir() and damage(target, records):
            shutil.rmtree(target)
        if not target.is_dir():
            settle(folder, target)
    return target


def _pip(words: Sequence[str]) -> str:
    """Run pip of this Python without questions; return why it failed, or nothing."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    reason = clean((lines or ["no reason given"])[-1].removeprefix("ERROR: ")).rstrip(".")
    return reason if done.returncode else ""
