"""``brainzoo push``: a checkpoint to the Hub."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import click

from brainzoo.cli.params import command_options, token_option
from brainzoo.common import console
from brainzoo.common.errors import DataError


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path), metavar="CHECKPOINT|RUN")
@click.argument("repository", metavar="OWNER/NAME")
@click.option(
    "--version",
    metavar="X.Y.Z",
    default="1.0.0",
    help="One that is not published yet. [default: 1.0.0]",
)
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
    help="Publish despite an undecided verdict: who answers for it, published too.",
)
@click.option("--private", is_flag=True, help="Make a new repository private.")
@token_option
@click.option(
    "--dry-run", is_flag=True, help="Show what would be sent, and what stands in the way."
)
@command_options()
def push(
    checkpoint: Path,
    repository: str,
    version: str,
    verdict: Path | None,
    consent: str,
    private: bool,
    token: str | None,
    dry_run: bool,
) -> None:
    """Publish a checkpoint on the Hub.

    It is refused without a passing privacy verdict on these very weights, with a licence that the
    training data's licence forbids, and with paths, subjects, dates or other files in it. What
    passes becomes one commit and the tag vX.Y.Z; its registry entry is printed. An undecided
    verdict needs the --consent of whoever answers for the data; one that failed stays failed.

    \b
    brainzoo push runs/pggan-ixi-001 owner/pggan-ixi-64 --dry-run
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.zoo.push import Plan
    from brainzoo.zoo.push import push as publish
    from brainzoo.zoo.registry import dump_entries

    done = publish(
        checkpoint,
        repository,
        version=version,
        verdict=verdict,
        consent=consent,
        private=private,
        dry_run=dry_run,
        token=token,
    )
    if not isinstance(done, Plan):
        console.note(f"{done.url}\npublished. Its entry:")
        published = {"url": done.url, "commit": done.commit, "entry": done.entry.model_dump()}
        console.answer({"plans": [], "published": [published]}, dump_entries([done.entry]).rstrip())
        return
    files = {name: file.model_dump() for name, file in done.files.items()}
    plan = {**dataclasses.asdict(done), "files": files, "publishable": not done.findings}
    rows = [[n, f"{f.size:,}", f.sha256] for n, f in done.files.items()]
    console.answer(
        {"plans": [plan], "published": []},
        f"{done.repository} v{done.version} would be "
        f"{'refused' if done.findings else 'published'}; nothing is sent.",
        *(f"against: {finding}" for finding in done.findings),
        f"\n{console.table(['file', 'bytes', 'sha256'], rows)}",
    )
    if done.findings:
        sys.exit(DataError.exit_code)
