"""Publishing a checkpoint: what passes the gate becomes one commit and one tag on the Hub."""

from __future__ import annotations

import dataclasses
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from brainzoo.checkpoint.names import CARD, MAX_BYTES, VERDICT
from brainzoo.checkpoint.reading import folder_of
from brainzoo.checkpoint.verdict import read_verdict
from brainzoo.common import console
from brainzoo.common.errors import (
    AuthorisationError,
    ExistsError,
    IntegrityError,
    NotFoundError,
    OptionError,
)
from brainzoo.common.files import disk_errors
from brainzoo.plugin.manager import KNOWN
from brainzoo.zoo.address import NAME, REPOSITORY, VERSION
from brainzoo.zoo.entry import Entry, FileRecord, HubSource, PackageSource, entry_of, records
from brainzoo.zoo.gate import Finding, GateError, findings
from brainzoo.zoo.hub import OFFICIAL, Hub, differs
from brainzoo.zoo.pull import pull
from brainzoo.zoo.registry import known


@dataclasses.dataclass(frozen=True)
class Plan:
    """What would be sent, and the reasons not to."""

    repository: str
    version: str
    files: dict[str, FileRecord]
    findings: tuple[Finding, ...]


@dataclasses.dataclass(frozen=True)
class Published:
    """Where a checkpoint now is.

    Attributes:
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
    version: str = "1.0.0",
    verdict: Path | str | None = None,
    consent: str = "",
    private: bool = False,
    dry_run: bool = False,
    endpoint: str | None = None,
    token: str | None = None,
) -> Plan | Published:
    """Publish a checkpoint on the Hub if the gate lets it pass.

    Args:
        checkpoint: A checkpoint folder, or the run that holds one.
        repository: ``owner/name``; made if it is not there.
        version: ``X.Y.Z``; its tag must be new.
        verdict: The privacy verdict, or the run or evaluation that holds it; by default the run's.
        consent: Who answers for publishing weights whose verdict is undecided, by name; it is
            published with them. A verdict that failed stays failed.
        private: Make a new repository private; one that is public is refused.
        dry_run: Only return the plan; nothing is asked of the Hub.
        endpoint: The address of the Hub; ``HF_ENDPOINT`` by default.
        token: Sent to that address only; by default as for :func:`brainzoo.zoo.pull.pull`.

    Raises:
        GateError: There are reasons not to; ``findings`` holds all.
        OptionError: The repository or version cannot be one.
        AuthorisationError: No token, or it may not write there.
        ExistsError: That version is published already.
        NetworkError: The Hub is out of reach, or somebody else committed at the same time.
    """
    expect_names(repository, version)
    hub = Hub.of(endpoint=endpoint, token=token)
    folder = folder_of(Path(checkpoint)).resolve()
    with staged(folder, find_verdict(folder, verdict), consent.strip()) as copy:
        plan = plan_of(copy, folder, repository, version)
        if dry_run:
            return plan
        if plan.findings:
            raise GateError(plan.findings)
        return _publish(hub, copy, plan, private=private)


def push_registry(
    entries: Sequence[Entry],
    *,
    namespace: str | None = None,
    dry_run: bool = False,
    endpoint: str | None = None,
    token: str | None = None,
) -> list[Plan] | list[Published]:
    """Publish entries whose files are in an installed package; what is there is left alone.

    Nothing is sent before all have passed the gate.

    Raises:
        GateError, AuthorisationError, NetworkError: As for :func:`push`.
        ExistsError: Another content stands under the same version.
    """
    hub = Hub.of(endpoint=endpoint, token=token)
    owner = namespace or ("owner" if dry_run or not hub.token else _user(hub))
    plans = []
    for entry in entries:
        expect_names(f"{owner}/{entry.name}", entry.version)
        plan = plan_of(pull(entry), pull(entry), f"{owner}/{entry.name}", entry.version)
        named = tuple(Finding(f"{entry.name}/{f.file}", f.problem) for f in plan.findings)
        plans.append(dataclasses.replace(plan, findings=named))
    if dry_run:
        return plans
    if against := [finding for plan in plans for finding in plan.findings]:
        raise GateError(against)
    moved = []
    for entry, plan in zip(entries, plans, strict=True):
        done = _publish(hub, pull(entry), plan, private=False, again=True)
        state = "published" if done.new else "there already"
        console.note(f"{entry.address}: {state}: {done.url}")
        kept = entry.model_copy(update={"source": done.entry.source})
        moved.append(dataclasses.replace(done, entry=kept))
    return moved


def packaged() -> list[Entry]:
    """Return the entries whose files are in brainzoo's own packages, without withdrawn ones."""
    return [
        entry
        for entry in known()
        if isinstance(entry.source, PackageSource)
        and entry.source.package in KNOWN.values()
        and entry.status != "withdrawn"
    ]


def expect_names(repository: str, version: str) -> None:
    """Refuse what cannot be a repository or a version."""
    name = repository.partition("/")[2].lower()
    if not re.fullmatch(REPOSITORY, repository) or not re.fullmatch(NAME, name):
        raise OptionError(
            f"{repository!r} is not a repository.",
            "Expected OWNER/NAME, where NAME is small letters, digits and hyphens.",
        )
    if not re.fullmatch(VERSION, version):
        raise OptionError(f"{version!r} is not a version.", "Expected X.Y.Z, such as 1.0.0.")


@contextmanager
def staged(folder: Path, verdict: Path | None, consent: str = "") -> Iterator[Path]:
    """Yield a copy of what may be sent: looked at and sent are the same bytes."""
    with tempfile.TemporaryDirectory(prefix="brainzoo-push-") as name, disk_errors(Path(name)):
        copy = Path(name)
        for file in MAX_BYTES:
            source = verdict if file == VERDICT and verdict else folder / file
            if source.is_file() and not source.is_symlink():
                shutil.copyfile(source, copy / file)
        if consent:
            _record_consent(copy, consent)
        yield copy


def _record_consent(copy: Path, name: str) -> None:
    """Write into the verdict and the card who answers for weights that may leak."""
    verdict = read_verdict(copy / VERDICT)
    if verdict.outcome != "undecided":
        console.note(f"the verdict is {verdict.outcome}: consent changes nothing.")
        return
    (copy / VERDICT).write_bytes(verdict.model_copy(update={"consent": name}).to_bytes())
    with (copy / CARD).open("a", encoding="utf-8") as card:
        card.write(
            "\nThe privacy audit of these weights is undecided: a leak could have been missed. "
            f"{name} consented to publishing them.\n"
        )


def plan_of(copy: Path, original: Path, repository: str, version: str) -> Plan:
    """Return what would be sent of a copy, and what the gate finds."""
    return Plan(repository, version, records(copy), tuple(findings(copy, original=original)))


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
    places = [folder.parent / inner] if folder.name == "checkpoint" else []
    return next((place for place in [*places, folder / VERDICT] if place.is_file()), None)


def _publish(hub: Hub, copy: Path, plan: Plan, *, private: bool, again: bool = False) -> Published:
    """Send files that passed the gate; with ``again`` the same files may stand there already."""
    if not hub.token:
        make = f"Make one that may write at {OFFICIAL}/settings/tokens."
        raise AuthorisationError("publishing needs a token.", hub.token_hint or make)
    _user(hub)
    repository, tag = plan.repository, f"v{plan.version}"
    with hub.asked(repository) as api:
        if not api.repo_exists(repository):
            api.create_repo(repository, private=private)
        elif private and not api.model_info(repository).private:
            raise OptionError(
                f"{repository} is there already, and public.",
                "Make it private on its page, give another name, or go without --private.",
            )
        tags = {ref.name: ref.target_commit for ref in api.list_repo_refs(repository).tags}
        new = tag not in tags
        commit = _commit(api, copy, plan) if new else tags[tag]
        listed = hub.files(repository, commit)
        wrong = next((f for f in plan.files if f not in listed or differs(copy / f, listed[f])), "")
        if new:
            if wrong:
                raise IntegrityError(
                    f"{hub.host} stored a different {wrong} from the one sent; not tagged."
                )
            api.create_tag(repository, tag=tag, revision=commit)
        elif wrong or not again:
            with_other = f" with another {wrong}" if wrong else ""
            raise ExistsError(
                f"{repository} has {tag} already{with_other}; a published version never changes.",
                "Give a new --version.",
            )
    source = HubSource(hub=repository, revision=commit)
    name = repository.partition("/")[2].lower()
    entry = entry_of(copy, name=name, version=plan.version, source=source)
    return Published(commit, f"{hub.endpoint}/{repository}/tree/{tag}", entry, new)


def _commit(api: Any, copy: Path, plan: Plan) -> str:
    """Make one commit that holds exactly the plan's files of a checkpoint."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    info = api.model_info(plan.repository)
    there = {file.rfilename for file in info.siblings or ()} & set(MAX_BYTES)
    operations = [
        *(CommitOperationAdd(path_in_repo=f, path_or_fileobj=copy / f) for f in plan.files),
        *(CommitOperationDelete(path_in_repo=f) for f in sorted(there - set(plan.files))),
    ]
    message = f"{plan.repository.partition('/')[2]} {plan.version}"
    made = api.create_commit(
        plan.repository, operations, commit_message=message, parent_commit=info.sha
    )
    return str(made.oid)


def _user(hub: Hub) -> str:
    """Return whose token it is; one that is refused stops here."""
    with hub.asked("its owner") as api:
        return str(api.whoami()["name"])
