"""Moving the zoo to the Hub: every checkpoint inside an installed package, in one command."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from brainzoo.checkpoint.names import VERDICT
from brainzoo.common import console
from brainzoo.zoo.hub.client import Hub
from brainzoo.zoo.hub.gate import Finding, GateError
from brainzoo.zoo.hub.pulling import pull
from brainzoo.zoo.hub.push import Plan, expect_names, make_plan, publish, staged

if TYPE_CHECKING:
    from brainzoo.zoo.registry import Entry


@dataclasses.dataclass(frozen=True)
class Moved:
    """One entry as the registry should list it from now on.

    Attributes:
        entry: With a ``hub`` source; files and all else are as before.
        new: Whether it was published just now.
    """

    entry: Entry
    new: bool


def push_registry(
    entries: Sequence[Entry] | None = None,
    *,
    namespace: str | None = None,
    endpoint: str | None = None,
    token: str | None = None,
) -> list[Moved]:
    """Publish every entry whose files are in an installed package; what is there is left alone.

    Nothing is sent before all have passed the gate.

    Args:
        entries: By default those in brainzoo's own packages.
        namespace: The owner of the repositories; by default the token's.
        endpoint: The address of the Hub; ``HF_ENDPOINT`` by default.
        token: As for :func:`brainzoo.zoo.hub.push.push`.

    Raises:
        GateError: Something speaks against one of them.
        AuthorisationError: There is no token, or it may not write there.
        ExistsError: Another content stands under the same version.
        NetworkError: The Hub is out of reach.
    """
    hub = Hub.of(endpoint=endpoint, token=token)
    owner = namespace or (hub.user() if hub.token else "owner")
    chosen = packaged(entries)
    plans = [plan_of(entry, owner) for entry in chosen]
    against = [finding for plan in plans for finding in plan.findings]
    if against:
        raise GateError(against)
    return [_move(hub, entry, plan) for entry, plan in zip(chosen, plans, strict=True)]


def packaged(entries: Sequence[Entry] | None = None) -> list[Entry]:
    """Return the entries whose files are in a package, without the withdrawn ones.

    Args:
        entries: By default those in brainzoo's own packages; others publish theirs themselves.
    """
    from brainzoo.plugin.manager import PACKAGES
    from brainzoo.zoo.registry import PackageSource, known

    def is_there(entry: Entry) -> bool:
        source = entry.source
        if not isinstance(source, PackageSource) or entry.status == "withdrawn":
            return False
        return entries is not None or source.package in PACKAGES.values()

    return [entry for entry in (known().entries if entries is None else entries) if is_there(entry)]


def plan_of(entry: Entry, owner: str) -> Plan:
    """Return what would be sent of one entry; its findings name it."""
    repository = f"{owner}/{entry.name}"
    expect_names(repository, entry.version)
    folder = pull(entry)
    verdict = folder / VERDICT
    with staged(folder, verdict if verdict.is_file() else None) as copy:
        plan = make_plan(copy, copy, repository, entry.version)
    named = tuple(Finding(f"{entry.name}/{f.file}", f.problem) for f in plan.findings)
    return dataclasses.replace(plan, findings=named)


def _move(hub: Hub, entry: Entry, plan: Plan) -> Moved:
    from brainzoo.zoo.registry import HubSource

    # The verdict is what the gate reads; what is published are the files that the entry pins.
    files = tuple(file for file in plan.files if file.name in entry.files)
    with staged(pull(entry), None) as copy:
        found = publish(
            hub, copy, dataclasses.replace(plan, files=files), private=False, again=True
        )
    console.note(f"{entry.reference}: {'published' if found.new else 'there already'}: {found.url}")
    source = HubSource(hub=plan.repository, revision=found.commit)
    return Moved(entry.model_copy(update={"source": source}), found.new)
