"""Publishing a checkpoint: what passes the gate becomes one commit and one tag on the Hub.

The gate is the hook ``brainzoo_gate``, and that of brainzoo-privacy must be among them.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from brainzoo.checkpoint.names import MAX_BYTES, VERDICT
from brainzoo.checkpoint.reading import folder_of
from brainzoo.common.errors import (
    AuthorisationError,
    DataError,
    ExistsError,
    IntegrityError,
    NotFoundError,
    OptionError,
    UnknownPluginError,
)
from brainzoo.common.files import disk_errors
from brainzoo.plugin.manager import KNOWN, plugins
from brainzoo.zoo.address import NAME, REPOSITORY, VERSION
from brainzoo.zoo.entry import Entry, FileRecord, HubSource, entry_of, records
from brainzoo.zoo.hub import OFFICIAL, Hub


class GateError(DataError):
    """A checkpoint that may not be published."""

    code = "not-publishable"

    def __init__(self, findings: Sequence[str]) -> None:
        more = f" and {len(findings) - 1} more" if len(findings) > 1 else ""
        super().__init__(
            f"the checkpoint is not published: {findings[0]}{more}.",
            "brainzoo push --dry-run shows all findings.",
        )
        self.findings = list(findings)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What would be sent, and the reasons not to."""

    repository: str
    version: str
    files: dict[str, FileRecord]
    findings: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Published:
    """Where a checkpoint now is."""

    commit: str
    url: str
    entry: Entry


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
    """Publish a checkpoint, or that of a run, on the Hub if the gate lets it pass.

    The ``repository`` (``owner/name``) is made if it is not there; the tag of ``version``
    (``X.Y.Z``) must be new. ``verdict`` is the privacy verdict, or the run or evaluation that holds
    it; by default the run's. ``consent`` names who answers for weights whose verdict is undecided;
    it is published with them, and a verdict that failed stays failed. ``private`` makes a new
    repository private, and refuses one that is public; ``dry_run`` only returns the plan and asks
    nothing of the Hub. ``endpoint`` and ``token`` are as for :func:`brainzoo.zoo.pull.pull`.

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
    with staged(folder, find_verdict(folder, verdict)) as copy:
        against = _against(copy, folder, consent.strip())
        plan = Plan(repository, version, records(copy), against)
        if dry_run:
            return plan
        if against:
            raise GateError(against)
        return _publish(hub, copy, plan, private=private)


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
def staged(folder: Path, verdict: Path | None) -> Iterator[Path]:
    """Yield a copy of what may be sent: looked at and sent are the same bytes."""
    with tempfile.TemporaryDirectory(prefix="brainzoo-push-") as name, disk_errors(Path(name)):
        copy = Path(name)
        for file in MAX_BYTES:
            source = verdict if file == VERDICT and verdict else folder / file
            if source.is_file() and not source.is_symlink():
                shutil.copyfile(source, copy / file)
        yield copy


def _against(copy: Path, original: Path, consent: str) -> tuple[str, ...]:
    """Return what the gates of plugins say; without the gate of this project nothing leaves."""
    gates, ours = plugins().hook.brainzoo_gate, KNOWN["privacy"]
    if ours not in {one.plugin_name.partition(":")[0] for one in gates.get_hookimpls()}:
        raise UnknownPluginError(
            "nothing here can tell whether a checkpoint may be published.",
            f"Install it with: pip install {ours}",
        )
    found: list[list[str]] = gates(folder=copy, original=original, consent=consent)
    return tuple(itertools.chain.from_iterable(found))


def find_verdict(folder: Path, given: Path | str | None = None) -> Path | None:
    """Return where the privacy verdict on a checkpoint is, if there is one."""
    inner = Path("evaluation") / "privacy" / VERDICT
    if given is not None:
        at = Path(given)
        places = [at, at / inner, at / "privacy" / VERDICT, at / VERDICT]
    else:
        places = [folder.parent / inner] if folder.name == "checkpoint" else []
        places.append(folder / VERDICT)
    found = next((place for place in places if place.is_file()), None)
    if given is not None and found is None:
        raise NotFoundError(f"there is no privacy verdict at {given}.")
    return found


def _publish(hub: Hub, copy: Path, plan: Plan, *, private: bool) -> Published:
    """Send files that passed the gate."""
    if not hub.token:
        make = f"Make one that may write at {OFFICIAL}/settings/tokens."
        raise AuthorisationError("publishing needs a token.", hub.token_hint or make)
    with hub.asked("its owner") as api:
        api.whoami()  # a token that is refused stops here
    repository, tag = plan.repository, f"v{plan.version}"
    with hub.asked(repository) as api:
        if not api.repo_exists(repository):
            api.create_repo(repository, private=private)
        elif private and not api.model_info(repository).private:
            raise OptionError(
                f"{repository} is there already, and public.",
                "Make it private on its page, give another name, or go without --private.",
            )
        if tag in {ref.name for ref in api.list_repo_refs(repository).tags}:
            raise ExistsError(
                f"{repository} has {tag} already; a published version never changes.",
                "Give a new --version.",
            )
        commit = _commit(api, copy, plan)
        _, listed = hub.listed(repository, commit)
        wrong = next(
            (f for f in plan.files if f not in listed or hub.differs(copy / f, listed[f])), ""
        )
        if wrong:
            raise IntegrityError(
                f"{hub.host} stored a different {wrong} from the one sent; not tagged."
            )
        api.create_tag(repository, tag=tag, revision=commit)
    source = HubSource(hub=repository, revision=commit)
    name = repository.partition("/")[2].lower()
    entry = entry_of(copy, name=name, version=plan.version, source=source)
    return Published(commit, f"{hub.endpoint}/{repository}/tree/{tag}", entry)


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
