"""From an address to a verified checkpoint folder on this machine.

Files are fetched one by one at a pinned commit, so that nothing unlisted arrives. Nothing that
arrives is imported or run: weights are safetensors, the rest is text, a picture and an array.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from brainzoo.checkpoint.names import MAX_BYTES, REQUIRED, WEIGHTS
from brainzoo.checkpoint.reading import expect_sound
from brainzoo.common import console
from brainzoo.common.errors import BrainzooError, IntegrityError, NotFoundError, OptionError
from brainzoo.common.files import disk_errors, expect_space, settle, write_text
from brainzoo.common.locks import locked
from brainzoo.zoo.address import ByOthers, OnHub, parse
from brainzoo.zoo.cache import damage, package_folder, place, place_of, root
from brainzoo.zoo.entry import Entry, OthersSource, PackageSource
from brainzoo.zoo.hub import Hub
from brainzoo.zoo.others import bring, convert_folder
from brainzoo.zoo.registry import find, usable


def pull(
    address: str | Entry,
    *,
    offline: bool | None = None,
    endpoint: str | None = None,
    token: str | None = None,
    accept_licence: bool = False,
) -> Path:
    """Return the folder of a checkpoint, fetching what is not on this machine.

    ``address`` is ``NAME``, ``NAME@VERSION``, ``hf:owner/repo@v1.0.0`` or ``@<40 hex digits>``, an
    entry of the registry, or ``GENERATOR:FOLDER`` of a model by others, whose licence must be
    accepted. One that is here needs no network; several processes fetch it once.
    ``HF_HUB_OFFLINE`` and ``HF_ENDPOINT`` are the defaults of ``offline`` and ``endpoint``. A
    ``token`` goes to that address only; ``HF_TOKEN`` or the stored one go to huggingface.co only.

    Raises:
        NotFoundError: No such checkpoint.
        UnknownPluginError: It is part of a package that is not installed.
        AuthorisationError: It is private or gated, or the token is refused.
        NetworkError: It is not here, and the Hub is out of reach; whole files are kept.
        IntegrityError: What arrived is not what it should be; it is deleted.
        DiskError: There is too little space.
    """
    hub = Hub.of(offline=offline, endpoint=endpoint, token=token)
    if isinstance(address, Entry):
        return _pull_entry(hub, usable(address), accept_licence)
    parsed = parse(address)
    if isinstance(parsed, ByOthers):
        return convert_folder(parsed)
    if isinstance(parsed, Path):
        raise OptionError(f"{parsed} is a folder: there is nothing to pull.")
    if isinstance(parsed, OnHub) and parsed.revision.startswith("v"):
        parsed = _commit_of(hub, parsed)
    entry = find(parsed)  # of a commit, too: its pins are stronger, and it may be withdrawn
    if entry is not None:
        return _pull_entry(hub, entry, accept_licence)
    assert isinstance(parsed, OnHub)
    return _pull_commit(hub, parsed)


def _pull_entry(hub: Hub, entry: Entry, accept_licence: bool) -> Path:
    if isinstance(entry.source, PackageSource):
        folder = package_folder(entry.source)
        if problem := damage(folder, entry.files):
            raise IntegrityError(
                f"{entry.address} in {entry.source.package} is damaged: {problem}.",
                f"Try: pip install --force-reinstall {entry.source.package}",
            )
        return folder
    if isinstance(entry.source, OthersSource):
        return bring(hub, entry, entry.source, place_of(entry), accept_licence)
    source = OnHub(entry.source.hub, entry.source.revision)

    def wrong(path: Path) -> str:
        return damage(path.parent, {path.name: entry.files[path.name]})

    sizes = {name: record.size for name, record in entry.files.items()}
    return _bring(hub, source, place_of(entry), sizes, wrong)


def _commit_of(hub: Hub, tagged: OnHub) -> OnHub:
    """Return the commit of a tag; what it was last time, where the network is forbidden."""
    name = f"{tagged.repository.replace('/', '--')}-{tagged.revision}.commit"
    record = root() / name
    known = record.read_text(encoding="utf-8") if record.is_file() else ""
    if hub.offline and known:
        return OnHub(tagged.repository, known)
    commit, _ = hub.listed(tagged.repository, tagged.revision)
    if known and commit != known:
        raise IntegrityError(
            f"{tagged} was commit {known[:12]} and is now {commit[:12]}: somebody moved the tag.",
            f"Name the commit that you trust: hf:{tagged.repository}@{known}",
        )
    root().mkdir(parents=True, exist_ok=True)
    write_text(record, commit)
    console.note(f"{tagged} is commit {commit}")
    return OnHub(tagged.repository, commit)


def _pull_commit(hub: Hub, source: OnHub) -> Path:
    """Pull a commit that no registry lists: the Hub itself says which files it has."""
    name = source.repository.replace("/", "--")
    for folder in sorted(root().glob(f"{name}-{source.revision}-*")):
        try:
            expect_sound(folder, str(source))
            return folder
        except BrainzooError as error:
            console.warn(f"{error.message} It is fetched again.")
    _, listed = hub.listed(source.repository, source.revision)
    if missing := [name for name in REQUIRED if name not in listed]:
        raise IntegrityError(
            f"{source} is not a brainzoo checkpoint: it has no {missing[0]}.", "Check the name."
        )
    sizes = {name: file.size or 0 for name, file in listed.items() if name in MAX_BYTES}
    for file, size in sizes.items():
        if size > MAX_BYTES[file]:
            raise IntegrityError(
                f"{source}: {file} has {size} bytes; at most {MAX_BYTES[file]} are taken."
            )
    weights = listed[WEIGHTS]
    digest = weights.lfs.sha256 if weights.lfs else str(weights.blob_id)
    folder = place(name, source.revision, digest)
    return _bring(hub, source, folder, sizes, lambda path: hub.differs(path, listed[path.name]))


def _bring(
    hub: Hub,
    source: OnHub,
    folder: Path,
    sizes: Mapping[str, int],
    wrong: Callable[[Path], str],
) -> Path:
    """Return a checkpoint's folder in the cache, fetched if it is not there or not whole.

    ``sizes`` are those of its files, ``wrong`` says what is wrong with one, or nothing.
    """

    def problem() -> str:
        if not folder.is_dir():
            return "it is not here"
        lacking = [name for name in sizes if not (folder / name).is_file()]
        found = (f"it lacks {lacking[0]}" if lacking else wrong(folder / name) for name in sizes)
        return next(filter(None, found), "")

    if not problem():
        return folder
    with disk_errors(folder), locked(folder):
        if not (damaged := problem()):
            return folder  # another process has fetched it meanwhile
        if folder.is_dir():
            console.warn(f"{folder.name} on this machine is damaged: {damaged}. Fetching it again.")
        # First, for the client waits minutes for a Hub that is silent.
        _, listed = hub.listed(source.repository, source.revision)
        if lacking := sorted(set(sizes) - set(listed)):
            raise NotFoundError(f"{source} lacks {lacking[0]}.", "Check the commit.")
        partial = folder.with_name(f".{folder.name}.partial")
        partial.mkdir(parents=True, exist_ok=True)
        needed = sum(size for name, size in sizes.items() if not (partial / name).is_file())
        expect_space(partial, needed, str(source))
        for name in sizes:
            hub.bring(source.repository, source.revision, name, partial, wrong)
        shutil.rmtree(partial / ".cache", ignore_errors=True)  # the client's own notes
        try:
            expect_sound(partial, str(source))
        except IntegrityError:
            shutil.rmtree(partial)
            raise
        shutil.rmtree(folder, ignore_errors=True)
        settle(partial, folder)
    return folder
