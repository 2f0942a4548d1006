"""Publishing a checkpoint: what passes the gate becomes one commit and one tag on the Hub."""

from __future__ import annotations

import dataclasses
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainzoo.checkpoint.names import CARD, CONFIG, MAX_BYTES, VERDICT
from brainzoo.common.errors import (
    AuthorisationError,
    BrainzooError,
    ExistsError,
    IntegrityError,
    NotFoundError,
    OptionError,
)
from brainzoo.common.files import disk_errors, sha256
from brainzoo.zoo.address import NAME, REPOSITORY, VERSION
from brainzoo.zoo.hub.api import publishing
from brainzoo.zoo.hub.client import Hub
from brainzoo.zoo.hub.gate import Finding, GateError, findings
from brainzoo.zoo.hub.store import Wanted, git_sha1

if TYPE_CHECKING:
    from brainzoo.zoo.registry import Entry

FIRST_VERSION = "1.0.0"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What would be sent, and what speaks against it.

    Attributes:
        repository: Where to, ``owner/name``.
        tag: The version's tag, ``v1.0.0``.
        files: Every file with its size and SHA-256.
        card: The text of the model card.
        findings: What the gate found; publishing needs none.
    """

    repository: str
    tag: str
    files: tuple[Wanted, ...]
    card: str
    findings: tuple[Finding, ...]


@dataclasses.dataclass(frozen=True)
class Published:
    """Where a checkpoint now is.

    Attributes:
        commit: The commit on the Hub.
        url: Its page.
        entry: What the registry may list it as.
        new: Whether anything was sent: not if the same files stand under that tag already.
    """

    commit: str
    url: str
    entry: Entry
    new: bool


def push(
    checkpoint: Path | str,
    repository: str,
    *,
    version: str = FIRST_VERSION,
    verdict: Path | str | None = None,
    private: bool = False,
    dry_run: bool = False,
    endpoint: str | None = None,
    token: str | None = None,
) -> Plan | Published:
    """Publish a checkpoint on the Hub if nothing speaks against it.

    Args:
        checkpoint: A checkpoint folder, or the run that holds one.
        repository: ``owner/name``; made if it is not there.
        version: ``X.Y.Z``; its tag must be new.
        verdict: The privacy verdict, or the run or evaluation that holds it; by default the run's.
        private: Make a new repository private; one that is public is refused.
        dry_run: Only return the plan; nothing is asked of the Hub.
        endpoint: The address of the Hub; ``HF_ENDPOINT`` by default.
        token: Sent to that address only; by default as for :func:`brainzoo.zoo.hub.pull`.

    Raises:
        GateError: Something speaks against it; ``findings`` holds all.
        OptionError: The repository or version is none.
        AuthorisationError: There is no token, or it may not write there.
        ExistsError: That version is published already.
        NetworkError: The Hub is out of reach, or somebody else committed at the same time.
    """
    expect_names(repository, version)
    hub = Hub.of(endpoint=endpoint, token=token)
    folder = _folder(Path(checkpoint))
    with staged(folder, find_verdict(folder, verdict)) as copy:
        plan = make_plan(copy, folder, repository, version)
        if dry_run:
            return plan
        if plan.findings:
            raise GateError(plan.findings)
        return publish(hub, copy, plan, private=private)


def expect_names(repository: str, version: str) -> None:
    """Refuse what is no repository or no version."""
    name = repository.partition("/")[2].lower()
    if not re.fullmatch(REPOSITORY, repository) or not re.fullmatch(NAME, name):
        raise OptionError(
            f"{repository!r} is no repository.",
            "Expected OWNER/NAME, where NAME is small letters, digits and hyphens.",
        )
    if not re.fullmatch(VERSION, version):
        raise OptionError(f"{version!r} is no version.", "Expected X.Y.Z, such as 1.0.0.")


@contextmanager
def staged(folder: Path, verdict: Path | None) -> Iterator[Path]:
    """Yield a copy of what may be sent: looked at and sent are the same bytes."""
    with tempfile.TemporaryDirectory(prefix="brainzoo-push-") as name, disk_errors(Path(name)):
        copy = Path(name)
        for file in MAX_BYTES:
            source = folder / file
            if source.is_file() and not source.is_symlink():
                shutil.copyfile(source, copy / file)
        if verdict is not None:
            shutil.copyfile(verdict, copy / VERDICT)
        yield copy


def make_plan(copy: Path, folder: Path, repository: str, version: str) -> Plan:
    """Return what would be sent of a copy, and what the gate finds."""
    card = copy / CARD
    found = findings(copy, original=folder)
    if not any(finding.file == "checkpoint" for finding in found):
        try:
            entry_for(copy, repository, version, "0" * 40)
        except BrainzooError as error:
            found.append(Finding("registry", error.message.rstrip(".")))
    return Plan(
        repository,
        f"v{version}",
        tuple(wanted_of(copy)),
        card.read_text(encoding="utf-8", errors="replace") if card.is_file() else "",
        tuple(found),
    )


def publish(hub: Hub, copy: Path, plan: Plan, *, private: bool, again: bool = False) -> Published:
    """Send a copy that passed the gate.

    Args:
        hub: Where to.
        copy: The files.
        plan: Of these files, without findings.
        private: Make a new repository private.
        again: Accept a tag that is there already if the same files stand under it.
    """
    if not hub.token:
        make = "Make one that may write at https://huggingface.co/settings/tokens."
        raise AuthorisationError("publishing needs a token.", hub.token_hint() or make)
    hub.user()
    repository, tag = plan.repository, plan.tag
    state = hub.state(repository)
    if private and state is not None:
        _expect_private(hub, repository)
    commit = state.tags.get(tag) if state else None
    new = commit is None
    if commit is None:
        with publishing(hub, repository) as api:
            if state is None:
                api.create_repo(repository, private=private)
                state = hub.state(repository)
            if state is None:
                raise NotFoundError(f"{hub.host} did not make {repository}.", "Make it by hand.")
            commit = _commit(hub, api, copy, plan, state.head)
            wrong = _differing(hub, plan, commit)
            if wrong:
                raise IntegrityError(
                    f"{hub.host} stored another {wrong} than was sent; no tag is set."
                )
            api.create_tag(repository, tag=tag, revision=commit)
    else:
        wrong = _differing(hub, plan, commit)
        if wrong or not again:
            with_other = f" with another {wrong}" if wrong else ""
            raise ExistsError(
                f"{repository} has {tag} already{with_other}; a published version never changes.",
                "Give a new --version.",
            )
    url = f"{hub.endpoint}/{repository}/tree/{tag}"
    return Published(commit, url, entry_for(copy, repository, tag[1:], commit), new)


def entry_for(folder: Path, repository: str, version: str, commit: str) -> Entry:
    """Return what the registry may list a published checkpoint as."""
    from brainzoo.zoo.registry import HubSource, entry_of

    name = repository.partition("/")[2].lower()
    return entry_of(
        folder, name=name, version=version, source=HubSource(hub=repository, revision=commit)
    )


def wanted_of(folder: Path) -> Iterator[Wanted]:
    """Yield the files of a checkpoint folder with their sizes and digests."""
    for name in MAX_BYTES:
        path = folder / name
        if path.is_file():
            yield Wanted(name, path.stat().st_size, sha256(path), git_sha1(path))


def find_verdict(folder: Path, given: Path | str | None) -> Path | None:
    """Return where the privacy verdict on a checkpoint is, if there is one.

    Raises:
        NotFoundError: One is given that is not there.
    """
    inner = Path("evaluation") / "privacy" / VERDICT
    if given is not None:
        places = [Path(given), Path(given) / inner, Path(given) / "privacy" / VERDICT]
        places.append(Path(given) / VERDICT)
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise NotFoundError(f"there is no privacy verdict at {given}.")
        return found
    run = folder.parent / inner
    return run if folder.name == "checkpoint" and run.is_file() else None


def _folder(path: Path) -> Path:
    inner = path / "checkpoint"
    folder = inner if (inner / CONFIG).is_file() else path
    if not (folder / CONFIG).is_file():
        raise NotFoundError(
            f"{path} is no checkpoint: it has no {CONFIG}.", "Give a checkpoint or a run folder."
        )
    return folder.resolve()


def _commit(hub: Hub, api: Any, copy: Path, plan: Plan, head: str | None) -> str:
    """Make one commit that holds exactly the plan's files of a checkpoint."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    names = {file.name for file in plan.files}
    there = {file.name for file in hub.files(plan.repository, head)} if head else set()
    operations: list[Any] = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=copy / name) for name in sorted(names)
    ]
    stale = sorted((there & set(MAX_BYTES)) - names)
    operations += [CommitOperationDelete(path_in_repo=name) for name in stale]
    made = api.create_commit(
        plan.repository,
        operations,
        commit_message=f"{plan.repository.partition('/')[2]} {plan.tag[1:]}",
        parent_commit=head,
    )
    return str(made.oid)


def _expect_private(hub: Hub, repository: str) -> None:
    """Refuse to send to a public repository what was to be private."""
    with publishing(hub, repository) as api:
        if not api.model_info(repository).private:
            raise OptionError(
                f"{repository} is there already, and public.",
                "Make it private on its page, give another name, or leave out --private.",
            )


def _differing(hub: Hub, plan: Plan, commit: str) -> str:
    """Return the first file that the Hub lists otherwise at a commit than it was to be sent."""
    listed = {file.name: file for file in hub.files(plan.repository, commit)}
    for file in plan.files:
        found = listed.get(file.name)
        same = found and found.size == file.size
        if found and found.sha256:
            same = same and found.sha256 == file.sha256
        elif found:
            same = same and found.git_sha1 == file.git_sha1
        if not same:
            return file.name
    return ""
