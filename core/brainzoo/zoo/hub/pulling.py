"""From a name to a verified checkpoint folder on this machine.

What a registry entry lists is fetched file by file at its pinned commit, so that nothing unlisted
arrives. Nothing that arrives is imported or run: weights are safetensors, the rest is text, a
picture and an array.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from brainzoo.checkpoint.names import CONFIG, MAX_BYTES, REQUIRED, WEIGHTS
from brainzoo.common import console
from brainzoo.common.errors import IntegrityError, NetworkError, OptionError
from brainzoo.common.files import disk_errors
from brainzoo.common.locks import locked
from brainzoo.zoo.address import Folder, OnHub, parse
from brainzoo.zoo.hub import store
from brainzoo.zoo.hub.client import Hub
from brainzoo.zoo.hub.fetch import complete, fetch, tidy
from brainzoo.zoo.hub.store import Wanted

if TYPE_CHECKING:
    from brainzoo.zoo.registry import Entry, PackageSource


def pull(
    reference: str | Entry,
    *,
    offline: bool | None = None,
    endpoint: str | None = None,
    token: str | None = None,
) -> Path:
    """Return the folder of a checkpoint, fetching what is not on this machine.

    A checkpoint that is here needs no network. Several processes fetch it once.

    Args:
        reference: ``NAME``, ``NAME@VERSION``, ``hf:owner/repo@<40 hex digits>``, or an entry of the
            registry.
        offline: Never use the network; ``HF_HUB_OFFLINE`` by default.
        endpoint: The address of the Hub or of a mirror; ``HF_ENDPOINT`` by default.
        token: Sent to that address only. By default ``HF_TOKEN`` or the stored one, and these to
            huggingface.co only.

    Raises:
        NotFoundError: There is no such checkpoint.
        UnknownPluginError: It is part of a package that is not installed.
        AuthorisationError: It is private or gated, or the token is refused.
        NetworkError: It is not here, and the Hub is out of reach; what arrived is kept.
        IntegrityError: What arrived is not what it should be; it is deleted.
        DiskError: There is too little space.
    """
    hub = Hub.of(offline=offline, endpoint=endpoint, token=token)
    if isinstance(reference, str):
        parsed = parse(reference)
        if isinstance(parsed, Folder):
            raise OptionError(f"{parsed} is a folder: there is nothing to pull.")
        if isinstance(parsed, OnHub):
            from brainzoo.zoo.registry import listed

            entry = listed(parsed)  # its pins are stronger, and it may be withdrawn
            return _pull_entry(hub, entry) if entry else _pull_commit(hub, parsed)
        from brainzoo.zoo.registry import find

        return _pull_entry(hub, find(reference))
    return _pull_entry(hub, reference)


def _pull_entry(hub: Hub, entry: Entry) -> Path:
    from brainzoo.zoo.registry import PackageSource, usable

    usable(entry)
    if entry.status == "deprecated":
        instead = f"Use {entry.replaced_by} instead." if entry.replaced_by else ""
        console.warn(f"{entry.reference} is deprecated: {entry.reason} {instead}".strip())
    wanted = [Wanted(name, f.size, f.sha256) for name, f in sorted(entry.files.items())]
    if isinstance(entry.source, PackageSource):
        return _packaged(entry, entry.source, wanted)
    folder = store.place(entry.name, entry.version, entry.weights_sha256)
    source = OnHub(entry.source.hub, entry.source.revision)
    return _bring(hub, entry.reference, source, folder, wanted)


def _packaged(entry: Entry, source: PackageSource, wanted: Sequence[Wanted]) -> Path:
    """Return the folder inside an installed package that holds a checkpoint, checked."""
    from brainzoo.zoo.registry import package_folder

    folder = package_folder(source)
    problem = _damage(folder, wanted)
    if problem:
        raise IntegrityError(
            f"{entry.reference} in {source.package} is damaged: {problem}.",
            f"Try: pip install --force-reinstall {source.package}",
        )
    return folder


def _pull_commit(hub: Hub, source: OnHub) -> Path:
    """Pull a commit that no registry lists: the Hub itself says which files it has."""
    name = source.repository.replace("/", "--")
    for folder in sorted(store.root().glob(f"{name}-{source.revision}-*")):
        known = store.remembered(folder)
        if known and not store.wrong(folder, known):
            return folder
    _expect_online(hub, str(source))
    listed = hub.files(source.repository, source.revision)
    wanted = [Wanted(f.name, f.size, f.sha256, f.git_sha1) for f in listed if f.name in MAX_BYTES]
    sizes = {file.name: file.size for file in wanted}
    missing = [name for name in REQUIRED if name not in sizes]
    if missing:
        raise IntegrityError(
            f"{source} is no brainzoo checkpoint: it has no {missing[0]}.", "Check the name."
        )
    for file in wanted:
        if file.size > MAX_BYTES[file.name]:
            raise IntegrityError(
                f"{source}: {file.name} has {file.size} bytes; at most {MAX_BYTES[file.name]} "
                "are taken."
            )
    weights = next(f.sha256 or f.git_sha1 for f in wanted if f.name == WEIGHTS)
    return _bring(hub, str(source), source, store.place(name, source.revision, weights), wanted)


def _bring(hub: Hub, what: str, source: OnHub, folder: Path, wanted: Sequence[Wanted]) -> Path:
    """Return a checkpoint's folder in the store, fetched if it is not there or not whole."""
    if folder.is_dir() and not _damage(folder, wanted):
        return folder
    with disk_errors(folder), locked(folder):
        damage = _damage(folder, wanted) if folder.is_dir() else ""
        if folder.is_dir() and not damage:
            return folder  # another process has fetched it meanwhile
        if damage:
            console.warn(f"{what} on this machine is damaged: {damage}. It is fetched again.")
        _expect_online(hub, what)
        partial = store.partial(folder)
        partial.mkdir(parents=True, exist_ok=True)
        fetch(hub, source.repository, source.revision, wanted, partial)
        tidy(partial, wanted)
        try:
            expect_checkpoint(partial, what)
        except IntegrityError:
            shutil.rmtree(partial)
            raise
        if damage:
            store.forget(folder)
            shutil.rmtree(folder)
        complete(partial, folder, wanted)
    return folder


def expect_checkpoint(folder: Path, what: str) -> None:
    """Look whether the files agree with each other, without any plugin and without their weights.

    Raises:
        IntegrityError: They are no checkpoint.
        IncompatiblePluginError: Its format is a later one.
    """
    from brainzoo.checkpoint import check
    from brainzoo.common.files import sha256

    try:
        if check(folder)["weights"]["sha256"] != sha256(folder / WEIGHTS):
            raise IntegrityError(f"{CONFIG} names other weights than {WEIGHTS}.")
    except IntegrityError as error:
        message = error.message.replace(f"{folder}/", "")
        raise IntegrityError(f"{what} is no sound checkpoint: {message}") from error


def _damage(folder: Path, wanted: Sequence[Wanted]) -> str:
    problem = store.wrong(folder, wanted)
    if not problem:
        store.remember(folder, wanted)
    return problem


def _expect_online(hub: Hub, what: str) -> None:
    if hub.offline:
        raise NetworkError(
            f"{what} is not on this machine, and HF_HUB_OFFLINE forbids to fetch it.",
            "Unset HF_HUB_OFFLINE, or bring the checkpoint with brainzoo bundle.",
        )
