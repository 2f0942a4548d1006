"""``brainzoo compare``: evaluated runs side by side."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo.api import command_options, console


@command_options()
@click.command(short_help="Put evaluated runs side by side.")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="[default: comparison-001]")
def compare(runs: tuple[Path, ...], out: Path | None) -> None:
    """Put runs side by side that were evaluated on the same test images.

    \b
    brainzoo compare runs/dcgan-ixi-001 runs/pggan-ixi-001
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo_report import comparing

    found = comparing.compare(runs)
    folder = comparing.write(found, comparing.comparison_page(found, runs), out)
    page = str(folder / "index.html")
    console.answer({**found, "folder": str(folder)}, *comparing.lines_of(found), page)
