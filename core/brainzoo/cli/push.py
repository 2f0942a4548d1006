"""``brainzoo push``: a checkpoint to the Hub, through the publish gate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from brainzoo.cli.params import common_options
from brainzoo.common import console
from brainzoo.common.errors import OptionError

if TYPE_CHECKING:
    from brainzoo.zoo.hub.push import Plan


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
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option("--token", metavar="TOKEN", help="[default: HF_TOKEN, for huggingface.co only]")
@click.option(
    "--registry",
    is_flag=True,
    help="Publish all checkpoints inside brainzoo's own installed packages.",
)
@click.option("--namespace", metavar="OWNER", help="With --registry: whose they shall be.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent and what forbids it.")
@common_options
def push(
    checkpoint: Path | None,
    repository: str | None,
    version: str,
    verdict: Path | None,
    private: bool,
    token: str | None,
    registry: bool,
    namespace: str | None,
    dry_run: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Publish a checkpoint on the Hub.

    It is refused without a passing privacy verdict on these very weights, with a licence that the
    training data's licence forbids, and with paths, subjects, dates or other files in it. What
    passes becomes one commit and the tag vX.Y.Z; its registry entry is printed.

    \b
    brainzoo push runs/dcgan-ixi-001 owner/dcgan-ixi-64 --dry-run
    brainzoo push --registry --namespace owner
    """  # noqa: D301 - click's mark for lines that stay as they are
    if registry:
        if checkpoint is not None:
            raise OptionError("--registry takes no checkpoint.", "It publishes all packaged ones.")
        if private or verdict is not None:
            name = "--private" if private else "--verdict"
            raise OptionError(
                f"--registry takes no {name}.", "What it publishes is public, with its own verdict."
            )
        _push_registry(namespace, token, dry_run, as_json)
        return
    if namespace is not None:
        raise OptionError("--namespace goes with --registry.", "Else the owner is in OWNER/NAME.")
    if checkpoint is None or repository is None:
        raise OptionError("push needs a checkpoint and OWNER/NAME.", "See: brainzoo push --help")
    from brainzoo.zoo.hub.gate import GateError
    from brainzoo.zoo.hub.push import Plan, push
    from brainzoo.zoo.registry.parse import dump_entries

    try:
        done = push(
            checkpoint,
            repository,
            version=version,
            verdict=verdict,
            private=private,
            dry_run=dry_run,
            token=token,
        )
    except GateError as error:
        _say_findings(error)
        raise
    if isinstance(done, Plan):
        _show([done], as_json)
        return
    if as_json:
        entry = done.entry.model_dump(mode="json", exclude_none=True)
        console.result_json({"commit": done.commit, "url": done.url, "entry": entry})
        return
    console.note(f"published: {done.url}\nIts entry in a registry:")
    console.result(dump_entries([done.entry]).rstrip())


def _push_registry(namespace: str | None, token: str | None, dry_run: bool, as_json: bool) -> None:
    from brainzoo.zoo.hub.gate import GateError
    from brainzoo.zoo.hub.push_registry import packaged, plan_of, push_registry
    from brainzoo.zoo.registry.parse import dump_entries

    if dry_run:
        _show([plan_of(entry, namespace or "owner") for entry in packaged()], as_json)
        return
    try:
        moved = push_registry(namespace=namespace, token=token)
    except GateError as error:
        _say_findings(error)
        raise
    if as_json:
        entries = [
            {"new": one.new, "entry": one.entry.model_dump(mode="json", exclude_none=True)}
            for one in moved
        ]
        console.result_json({"entries": entries})
        return
    new = sum(one.new for one in moved)
    console.note(f"{new} published, {len(moved) - new} there already.")
    if moved:
        console.note("The entries, to replace those of the registry:")
        console.result(dump_entries([one.entry for one in moved]).rstrip())


def _say_findings(error: Any) -> None:
    for finding in error.findings:
        console.note(f"  {finding}")


def _show(plans: list[Plan], as_json: bool) -> None:
    """Print what would be sent, and what speaks against it."""
    if as_json:
        console.result_json({"plans": [_plain(plan) for plan in plans]})
        return
    from brainzoo.common.downloads.meter import size_text

    for plan in plans:
        rows = [[file.name, size_text(file.size), file.sha256] for file in plan.files]
        console.result(f"{plan.repository} {plan.tag}\n")
        console.result(console.table(["file", "size", "sha256"], rows))
        console.result(f"\nREADME.md\n\n{_indented(plan.card)}\n")
        for finding in plan.findings:
            console.result(f"against: {finding}")
        console.result(
            "It would be refused."
            if plan.findings
            else "Nothing speaks against it; nothing is sent."
        )


def _plain(plan: Plan) -> dict[str, Any]:
    return {
        "repository": plan.repository,
        "tag": plan.tag,
        "files": [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in plan.files],
        "card": plan.card,
        "findings": [{"file": f.file, "problem": f.problem} for f in plan.findings],
        "publishable": not plan.findings,
    }


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
