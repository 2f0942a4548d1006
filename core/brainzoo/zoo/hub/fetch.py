"""Bringing the files of a checkpoint here: each at its pinned commit, all of them or none."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from brainzoo.common import console
from brainzoo.common.downloads.download import Patience, Remote, download
from brainzoo.common.errors import IntegrityError
from brainzoo.common.files import disk_errors, sync
from brainzoo.zoo.hub import store
from brainzoo.zoo.hub.client import Hub
from brainzoo.zoo.hub.store import Wanted

PATIENCE = Patience(timeout_s=10, attempts=5)


def fetch(hub: Hub, repo: str, commit: str, wanted: Sequence[Wanted], partial: Path) -> None:
    """Gather files in ``partial``; what arrived before a kill is not fetched again.

    The caller holds a lock, so that no second process does the same.

    Raises:
        NetworkError: The Hub does not deliver; what arrived is kept.
        AuthorisationError: It does not give them to us.
        IntegrityError: A file was wrong twice; it is deleted.
        DiskError: There is too little space.
    """
    missing = [file for file in wanted if not _is_here(partial, file)]
    if not missing:
        return
    hub.expect_access(repo, commit, missing[0].name)
    for file in missing:
        try:
            _fetch_one(hub, repo, commit, file, partial)
        except IntegrityError as error:
            console.warn(f"{error.message} Fetching it once more.")
            _delete(partial, file.name)
            try:
                _fetch_one(hub, repo, commit, file, partial)
            except IntegrityError as again:
                _delete(partial, file.name)
                raise IntegrityError(
                    f"{file.name} of {repo} was wrong twice and is deleted: {again.message}",
                    f"Do not use this copy; try later, or another address than {hub.host}.",
                ) from again


def tidy(partial: Path, wanted: Sequence[Wanted]) -> None:
    """Remove from gathered files what is not wanted: notes and locks of the transfer."""
    names = {file.name for file in wanted}
    for path in partial.iterdir():
        if path.name not in names:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def complete(partial: Path, folder: Path, wanted: Sequence[Wanted]) -> None:
    """Turn gathered files into the checkpoint's folder."""
    with disk_errors(folder):
        for path in [*partial.iterdir(), partial]:
            sync(path)
        partial.rename(folder)
        sync(folder.parent)
    store.remember(folder, wanted)


def _is_here(partial: Path, file: Wanted) -> bool:
    path = partial / file.name
    if path.is_file() and store.differs(path, file):
        _delete(partial, file.name)
    return path.is_file()


def _fetch_one(hub: Hub, repo: str, commit: str, file: Wanted, partial: Path) -> None:
    remote = Remote(
        file.name,
        (hub.url(repo, commit, file.name),),
        sha256=file.sha256,
        size=file.size,
        headers=hub.headers,
    )
    problem = store.differs(download(remote, partial, patience=PATIENCE), file)
    if problem:
        raise IntegrityError(f"{problem}.")


def _delete(partial: Path, name: str) -> None:
    for suffix in ("", ".part", ".part.json", ".sha256"):
        (partial / f"{name}{suffix}").unlink(missing_ok=True)
