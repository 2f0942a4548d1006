"""``brainzoo push``: a checkpoint to the Hub, through the publish gate."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from brainzoo.cli.params import common_options, token_option
from brainzoo.common import console
from brainzoo.common.errors import DataError, OptionError

if TYPE_CHECKING:
    from brainzoo.zoo.push import Plan, Published


@click.command()
@click.argument(
    "checkpoint", type=click.Path(path_type=Path), metavar="CHECKPOINT|RUN", required=False
)
@click.argument("repository", metavar="OWNER/NAME", required=False)
@click.option("--version", metavar="X.Y.Z", default="1.0.0", help="Must be new. [default: 1.0.0]")
@click.option(
    "--verdict",
    type=click.Path(path_type=Path),
    metavar="FILE|RUN",
    help="The privacy verdict on these weights. [default: the run's]",
)
@click.option(
    "--consent",
    metavar="NAME",
    default="",
    help="Publish although the verdict is undecided: who answers for it, for all to read.",
)
@click.option("--private", is_flag=True, help="Make a new repository private.")
@token_option
@click.option(
    "--registry",
    is_flag=True,
    help="Publish all checkpoints inside brainzoo's own installed packages.",
)
@click.option("--namespace", metavar="OWNER", help="With --registry: who will own them.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent and what forbids it.")
@common_options
def push(
    checkpoint: Path | None,
    repository: str | None,
    version: str,
    verdict: Path | None,
    consent: str,
    private: bool,
    token: str | None,
    registry: bool,
    namespace: str | None,
    dry_run: bool,
) -> None:
    """Publish a checkpoint on the Hub.

    It is refused without a passing privacy verdict on these very weights, with a licence that the
    training data's licence forbids, and with paths, subjects, dates or other files in it. What
    passes becomes one commit and the tag vX.Y.Z; its registry entry is printed. An undecided
    verdict needs the --consent of whoever answers for the data; one that failed stays failed.

    \b
    brainzoo push runs/dcgan-ixi-001 owner/dcgan-ixi-64 --dry-run
    brainzoo push --registry --namespace owner
    """  # noqa: D301 - click's mark for lines that stay as they are
    if registry:
        if checkpoint is not None or private or verdict is not None or consent:
            raise OptionError(
                "--registry takes no checkpoint, --private, --verdict or --consent.",
                "It publishes all packaged ones, each with its own verdict.",
            )
        from brainzoo.zoo.push import packaged, push_registry

        _show(push_registry(packaged(), namespace=namespace, dry_run=dry_run, token=token))
        return
    if namespace is not None:
        raise OptionError("--namespace goes with --registry.", "Else the owner is in OWNER/NAME.")
    if checkpoint is None or repository is None:
        raise OptionError("push needs a checkpoint and OWNER/NAME.", "See: brainzoo push --help")
    from brainzoo.zoo.push import push

    how: dict[str, Any] = {"private": private, "dry_run": dry_run, "consent": consent}
    _show([push(checkpoint, repository, version=version, verdict=verdict, token=token, **how)])


def _show(done: Sequence[Plan | Published]) -> None:
    """Print what would be sent and the reasons not to, or what was published."""
    from brainzoo.zoo.push import Plan, Published
    from brainzoo.zoo.registry_file import dump_entries

    plans = [one for one in done if isinstance(one, Plan)]
    published = [one for one in done if isinstance(one, Published)]
    if console.as_json():
        entries = [
            {"new": p.new, "url": p.url, "commit": p.commit, "entry": p.entry.model_dump()}
            for p in published
        ]
        shown = [{**dataclasses.asdict(p), "publishable": not p.findings} for p in plans]
        for plain, plan in zip(shown, plans, strict=True):
            plain["files"] = {name: file.model_dump() for name, file in plan.files.items()}
        console.answer({"plans": shown, "published": entries})
    for plan in () if console.as_json() else plans:
        what = "would be refused" if plan.findings else "would be published"
        console.result(f"{plan.repository} v{plan.version} {what}; nothing is sent.")
        for finding in plan.findings:
            console.result(f"against: {finding}")
        rows = [[n, f"{f.size:,}", f.sha256] for n, f in plan.files.items()]
        console.result(f"\n{console.table(['file', 'bytes', 'sha256'], rows)}")
    if any(plan.findings for plan in plans):
        sys.exit(DataError.exit_code)
    if console.as_json():
        return
    if published:
        new = sum(one.new for one in published)
        urls = "\n".join(one.url for one in published)
        console.note(f"{urls}\n{new} published, {len(published) - new} there already. Entries:")
        console.result(dump_entries([one.entry for one in published]).rstrip())
