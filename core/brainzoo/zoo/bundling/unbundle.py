"""What came in a bundle: checked to the last byte, then kept where it is found by name."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from brainzoo.checkpoint.names import MAX_BYTES, REQUIRED
from brainzoo.common import console
from brainzoo.common.errors import (
    BrainzooError,
    IncompatiblePluginError,
    IntegrityError,
    NotFoundError,
)
from brainzoo.common.files import disk_errors, sha256
from brainzoo.common.locks import locked
from brainzoo.preparation.request import remove_abandoned
from brainzoo.zoo.address import REVISION
from brainzoo.zoo.bundling.bundle import (
    KIND,
    MANIFEST,
    README,
    REQUIREMENTS,
    SCHEMA,
    SUMS,
    is_wheel,
    package,
    requirements,
)
from brainzoo.zoo.bundling.wheels import pip
from brainzoo.zoo.hub import store
from brainzoo.zoo.hub.fetch import complete
from brainzoo.zoo.hub.pulling import expect_checkpoint
from brainzoo.zoo.hub.store import Wanted

MAX_FILES = 1000
MAX_MANIFEST_BYTES = 1_000_000


@dataclasses.dataclass(frozen=True)
class Unbundled:
    """What came out of a bundle.

    Attributes:
        checkpoint: Its folder in the store.
        packages: The distributions whose wheels it brings, ``name==version``.
        installed: Whether they were installed.
    """

    checkpoint: Path
    packages: tuple[str, ...]
    installed: bool


def unbundle(path: Path, *, install: bool = False, digest: str | None = None) -> Unbundled:
    """Check every byte of a bundle, and keep its checkpoint where it is found by name.

    Args:
        path: A bundle: tar file or folder.
        install: Install its wheels into this Python, with pip and without any index.
        digest: The SHA-256 that the tar file must have, told by whoever made it.

    Raises:
        NotFoundError: There is no such bundle.
        IntegrityError: It is none, damaged, or holds what no bundle holds.
        IncompatiblePluginError: Its format is later, or pip refused the wheels.
        DiskError: There is too little space.
    """
    if not path.exists():
        raise NotFoundError(f"there is no bundle {path}.")
    if digest is not None and (not path.is_file() or sha256(path) != digest.strip().lower()):
        raise IntegrityError(
            f"{path} has not the SHA-256 {digest[:64]}: it is another bundle, or was changed.",
            "Do not use it; ask for it again.",
        )
    store.root().mkdir(parents=True, exist_ok=True)
    remove_abandoned(store.root() / "unbundle")
    with (
        disk_errors(store.root()),
        tempfile.TemporaryDirectory(dir=store.root(), prefix=".unbundle.", suffix=".part") as here,
    ):
        folder = Path(here)
        manifest = _unpack(path, folder)
        if digest is None and re.fullmatch(REVISION, manifest["version"]):
            console.warn(
                f"nothing in this bundle proves that it holds {manifest['name']} at commit "
                f"{manifest['version'][:12]}: compare --sha256 with what its maker tells you."
            )
        checkpoint = _keep(folder / "checkpoint", manifest)
        packages = tuple(package(name) for name in sorted(manifest["files"]) if is_wheel(name))
        if install:
            console.note("installing its wheels with pip, without index")
            _install(folder, manifest)
    return Unbundled(checkpoint, packages, install)


def _unpack(path: Path, folder: Path) -> dict[str, Any]:
    """Copy what the manifest lists, nothing else, comparing size and SHA-256 of all."""
    (folder / "checkpoint").mkdir()
    (folder / "wheels").mkdir()
    manifest: dict[str, Any] = {}
    seen: set[str] = set()
    with _members(path) as members:
        for name, file, size in members:
            if name in seen:
                raise _refused(path, f"{name} occurs twice")
            seen.add(name)
            if name == MANIFEST:
                manifest = _manifest(path, file.read(MAX_MANIFEST_BYTES + 1))
            elif not manifest:
                raise _refused(path, f"{MANIFEST} does not come first")
            elif name != SUMS:
                listed = manifest["files"].get(name)
                if listed is None or listed["size"] != size:
                    raise _refused(path, f"{name[:100]!r} is not in the manifest, or of other size")
                if _copy(file, folder / name) != listed["sha256"]:
                    raise _refused(path, f"{name} is damaged: its SHA-256 differs")
    missing = sorted(set(manifest.get("files", {MANIFEST: 0})) - seen)
    if missing:
        raise _refused(path, f"it lacks {missing[0]}")
    return manifest


@contextmanager
def _members(path: Path) -> Iterator[Iterator[tuple[str, IO[bytes], int]]]:
    """Yield name, content and size of each file of a tar file or folder; links are refused."""
    if path.is_dir():
        yield _of_folder(path)
        return
    try:
        with tarfile.open(path, "r:") as tar:  # no compression: what it holds is not more than it
            yield _of_tar(path, tar)
    except (tarfile.TarError, EOFError) as error:
        raise _refused(path, f"it is no whole tar file ({error})") from error


def _of_tar(path: Path, tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes], int]]:
    for number, member in enumerate(tar):
        file = tar.extractfile(member) if member.type == tarfile.REGTYPE else None
        if file is None or member.issparse() or number > MAX_FILES:
            raise _refused(path, f"{member.name[:100]!r} is no plain file")
        yield _allowed(path, member.name), file, member.size


def _of_folder(path: Path) -> Iterator[tuple[str, IO[bytes], int]]:
    found = sorted(path.rglob("*"), key=lambda p: p != path / MANIFEST)
    for item in found[: MAX_FILES + 1]:
        name = item.relative_to(path).as_posix()
        if item.is_symlink() or not (item.is_file() or item.is_dir()):
            raise _refused(path, f"{name[:100]!r} is no plain file")
        if item.is_file():
            with item.open("rb") as file:
                yield _allowed(path, name), file, item.stat().st_size


def _allowed(path: Path, name: str) -> str:
    """Return a name that a bundle may hold: no other can lead anywhere else."""
    known = (MANIFEST, SUMS, README, REQUIREMENTS, *(f"checkpoint/{file}" for file in MAX_BYTES))
    if name not in known and not is_wheel(name):
        raise _refused(path, f"it holds {name[:100]!r}, which no bundle holds")
    return name


def _manifest(path: Path, content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content) if len(content) <= MAX_MANIFEST_BYTES else None
        if not isinstance(found, dict) or found["kind"] != KIND or type(found["schema"]) is not int:
            raise ValueError
        if found["schema"] > SCHEMA:
            raise IncompatiblePluginError(
                f"{path} is a bundle of schema {found['schema']}; this version reads {SCHEMA}.",
                "Install the brainzoo that is in its wheels first; see its README.txt.",
            )
        for key in ("name", "version"):
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}", found[key]):
                raise ValueError
        for name, file in found["files"].items():
            _allowed(path, name)
            if type(file["size"]) is not int or not re.fullmatch("[0-9a-f]{64}", file["sha256"]):
                raise ValueError
        if any(f"checkpoint/{name}" not in found["files"] for name in REQUIRED):
            raise ValueError
        return {**found, "dependencies": found["dependencies"] is True}
    except BrainzooError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _refused(path, f"its {MANIFEST} makes no sense") from None


def _copy(source: IO[bytes], target: Path) -> str:
    digest = hashlib.sha256()
    with target.open("xb") as file:
        while chunk := source.read(1 << 20):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _keep(folder: Path, manifest: Mapping[str, Any]) -> Path:
    """Move the checkpoint into the store, unless it is there already."""
    wanted = [
        Wanted(name.removeprefix("checkpoint/"), file["size"], file["sha256"])
        for name, file in manifest["files"].items()
        if name.startswith("checkpoint/")
    ]
    expect_checkpoint(folder, f"{manifest['name']} of the bundle")
    weights = manifest["files"]["checkpoint/model.safetensors"]["sha256"]
    target = store.place(manifest["name"], manifest["version"], weights)
    with locked(target):
        if target.is_dir() and store.wrong(target, wanted):
            shutil.rmtree(target)
        if not target.is_dir():
            complete(folder, target, wanted)
    return target


def _install(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Install the wheels, each compared with its hash by pip again, from nowhere but the bundle."""
    # Not those that came: a line of theirs could name another place.
    wheels = {name: file["sha256"] for name, file in manifest["files"].items() if is_wheel(name)}
    (folder / REQUIREMENTS).write_text(requirements(wheels))
    words = ["install", "--no-index", "--find-links", str(folder / "wheels"), "--require-hashes"]
    words += [] if manifest["dependencies"] else ["--no-deps"]
    done = pip([*words, "-r", str(folder / REQUIREMENTS)])
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = (lines or ["pip failed"])[0].removeprefix("ERROR: ").rstrip(".")
        raise IncompatiblePluginError(
            f"the wheels do not fit this Python: {reason[:200]}.",
            "Make the bundle with --platform and --python-version of this machine.",
        )


def _refused(path: Path, why: str) -> IntegrityError:
    return IntegrityError(f"{path} is refused: {why}.", "Nothing of it was kept. Make it again.")
