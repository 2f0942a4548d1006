"""``brainzoo report``: the page of a run that a person looks at first."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo.cli.params import common_options
from brainzoo.common import console


@click.command()
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The new folder. [default: RUN/report]"
)
@common_options
def report(run: Path, out: Path | None, as_json: bool, debug: bool) -> None:
    """Write the report of a run: one page, readable without a network."""
    from brainzoo.plugin.run import read_record
    from brainzoo.runs import pipeline

    read_record(run)
    page = pipeline.report(run, out)
    if as_json:
        console.result_json({"report": str(page)})
        return
    console.result(str(page))
