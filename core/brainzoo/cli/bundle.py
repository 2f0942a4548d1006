"""``brainzoo bundle``: a checkpoint and what runs it, for a machine without internet."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo.cli.params import common_options
from brainzoo.common import console


@click.command()
@click.argument("reference", metavar="NAME|hf:OWNER/REPO@COMMIT|CHECKPOINT|RUN")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE.tar|FOLDER",
    help="The new bundle.",
)
@click.option(
    "--with-dependencies",
    is_flag=True,
    help="Fetch all wheels that are needed, with pip; with torch these are gigabytes.",
)
@click.option("--platform", metavar="TAG", help="Of the other machine, e.g. win_amd64.")
@click.option("--python-version", metavar="X.Y", help="Of the other machine, e.g. 3.12.")
@click.option("--token", metavar="TOKEN", help="[default: HF_TOKEN, for huggingface.co only]")
@common_options
def bundle(
    reference: str,
    out: Path,
    with_dependencies: bool,
    platform: str | None,
    python_version: str | None,
    token: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Write a checkpoint and the wheels that run it as one file.

    The README.txt in it says how it is checked and installed on a machine without internet.

    \b
    brainzoo bundle pggan-ixi-64 --out pggan.tar --with-dependencies
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.common.files import sha256
    from brainzoo.zoo.bundling import bundle as bundles

    folder, name, version = bundles.find(reference, token=token)
    bundles.bundle(
        folder,
        out,
        name=name,
        version=version,
        with_dependencies=with_dependencies,
        platform=platform,
        python=python_version,
    )
    digest = sha256(out) if out.is_file() else None
    if as_json:
        console.result_json({"bundle": str(out), "sha256": digest})
        return
    if digest:
        console.note(f"Tell its SHA-256 to who receives it, by another way: {digest}")
    console.result(str(out))
