"""``brainzoo bundle``: a checkpoint as one file, for a machine without internet."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo.cli.params import common_options
from brainzoo.common import console


@click.command()
@click.argument("address", metavar="NAME|hf:OWNER/REPO@COMMIT|CHECKPOINT|RUN")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE.tar",
    help="The new bundle.",
)
@click.option(
    "--wheels",
    is_flag=True,
    help="Fetch the plugin's wheel and all that it needs, with pip; with torch, gigabytes.",
)
@click.option("--find-links", multiple=True, metavar="FOLDER", help="Take wheels from here too.")
@click.option("--platform", metavar="TAG", help="Of the other machine, e.g. win_amd64.")
@click.option("--python-version", metavar="X.Y", help="Of the other machine, e.g. 3.12.")
@click.option("--token", metavar="TOKEN", help="[default: HF_TOKEN, for huggingface.co only]")
@common_options
def bundle(
    address: str,
    out: Path,
    wheels: bool,
    find_links: tuple[str, ...],
    platform: str | None,
    python_version: str | None,
    token: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Write a checkpoint as one file, if wanted with the wheels that run it.

    On a machine without brainzoo, unpack it first: tar xf FILE.tar; pip install --no-index
    --find-links wheels brainzoo-PLUGIN.

    \b
    brainzoo bundle pggan-ixi-64 --out pggan.tar --wheels
    brainzoo unbundle pggan.tar --install
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.common.files import sha256
    from brainzoo.zoo import bundle as bundles

    bundles.bundle(
        address,
        out,
        wheels=wheels,
        find_links=find_links,
        platform=platform,
        python=python_version,
        token=token,
    )
    digest = sha256(out)
    if as_json:
        console.result_json({"bundle": str(out), "sha256": digest})
        return
    console.note(f"Tell its SHA-256 to whoever receives it, by another way: {digest}")
    console.result(str(out))
